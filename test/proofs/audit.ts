import type { Account } from './account.ts';
import { type Contents, type Entry, rowText } from './contents.ts';
import { type Change, lastAnswer, type Promised, type PromiseLog } from './promises.ts';
import { witnessed } from './witnessed.ts';

/**
 * - `lost`: an acknowledged write is not in the journal as its receipt says, or a store does not hold its outcome.
 * - `twice`: a database saw one write take effect more than once.
 * - `ghost`: something took effect that nobody asked for, or that was refused.
 * - `unjust`: a write was taken or refused although the record, as it was at that moment, says otherwise.
 * - `version`: versions of a key are not unique, do not rise, or went back.
 * - `unequal`: the stores hold different rows, versions or digests.
 * - `open`: a write is still owed, or waits for a person.
 */
export const faults = ['lost', 'twice', 'ghost', 'unjust', 'version', 'unequal', 'open'] as const;
export type Fault = (typeof faults)[number];

export interface Finding {
  readonly fault: Fault;
  readonly about: string;
  readonly why: string;
}

export type Find = (fault: Fault, about: string, why: string) => void;

/** A write that the journal says took effect, and what it made of the record. */
export interface Effect {
  readonly promised: Promised;
  readonly version: string;
  readonly after: Account | null;
}

/** Holds every promise against both stores, which must be quiet. `primary` is the one that has decided. */
export function audit(log: PromiseLog, primary: Contents, secondary: Contents): Finding[] {
  const findings: Finding[] = [];
  const find: Find = (fault, about, why) => findings.push({ fault, about, why });
  const entries = new Map(primary.journal.map((entry) => [entry.id, entry]));
  const promises = Map.groupBy(log.all(), ({ key }) => key);

  for (const { id, status } of [...primary.journal, ...secondary.journal]) {
    if (!log.find(id)) find('ghost', id, 'the journal names an operation that nobody asked for');
    if (status === 'pending' || status === 'parked') find('open', id, `the journal says ${status}`);
  }
  for (const promised of log.all()) judgeAnswer(promised, entries.get(promised.operationId), find);

  const effects: Effect[] = [];
  for (const [key, asked] of promises) {
    const chain = chainOf(key, asked, entries, find);
    judgeRefusals(asked, entries, chain, find);
    judgeRecord(key, chain.at(-1) ?? null, primary, secondary, find);
    effects.push(...chain);
  }
  for (const key of new Set([...primary.rows.keys(), ...secondary.rows.keys()])) {
    if (!promises.has(key)) find('ghost', key, 'a row that nobody asked for');
    if (primary.rows.get(key) !== secondary.rows.get(key)) find('unequal', key, 'the rows differ');
  }
  witnessed(log, effects, primary, 'every', find);
  witnessed(log, effects, secondary, 'some', find);
  return findings;
}

function judgeAnswer(promised: Promised, entry: Entry | undefined, find: Find): void {
  const answer = lastAnswer(promised);
  if (answer.outcome === 'acknowledged') {
    if (!entry || !tookEffect(entry))
      find('lost', promised.operationId, `acknowledged, the journal says ${entry?.status ?? 'nothing'}`);
    else if (entry.version !== answer.version)
      find(
        'lost',
        promised.operationId,
        `acknowledged as ${answer.version}, the journal says ${entry.version}`,
      );
  }
  if (answer.outcome === 'refused' && entry && (tookEffect(entry) || entry.reason !== answer.code))
    find(
      'ghost',
      promised.operationId,
      `refused as ${answer.code}, the journal says ${entry.status} ${entry.reason}`,
    );
}

/** What took effect on a key, by version, with the record's state after each. */
function chainOf(
  key: string,
  asked: readonly Promised[],
  entries: ReadonlyMap<string, Entry>,
  find: Find,
): Effect[] {
  const effective = asked
    .flatMap((promised) => {
      const entry = entries.get(promised.operationId);
      return entry && tookEffect(entry) && entry.version !== null
        ? [{ promised, version: entry.version }]
        : [];
    })
    .sort((left, right) => (BigInt(left.version) < BigInt(right.version) ? -1 : 1));
  const chain: Effect[] = [];
  for (const { promised, version } of effective) {
    const before = chain.at(-1);
    const after = outcomeOf(promised.change, before?.after ?? null);
    if (before?.version === version) find('version', key, `version ${version} was given twice`);
    if (after === 'impossible') find('unjust', promised.operationId, `${promised.change.kind} was taken`);
    if (promised.expected !== null && promised.expected !== before?.version)
      find('unjust', promised.operationId, 'taken although the record had another version than expected');
    chain.push({ promised, version, after: after === 'impossible' ? null : after });
  }
  return chain;
}

/** A refusal is just when the record, at the version that the journal notes, gives the reason for it. */
function judgeRefusals(
  asked: readonly Promised[],
  entries: ReadonlyMap<string, Entry>,
  chain: readonly Effect[],
  find: Find,
): void {
  for (const { operationId, change, expected } of asked) {
    const entry = entries.get(operationId);
    if (entry?.status !== 'failed') continue;
    const at = chain.find(({ version }) => version === entry.version);
    const before = at?.after ?? null;
    const isJust =
      entry.reason === 'VersionConflict'
        ? expected !== null && expected !== (at?.version ?? '0')
        : outcomeOf(change, before) === 'impossible';
    if (!isJust)
      find(
        'unjust',
        operationId,
        `${change.kind} was refused as ${entry.reason} at version ${entry.version}`,
      );
  }
}

function judgeRecord(
  key: string,
  last: Effect | null,
  primary: Contents,
  secondary: Contents,
  find: Find,
): void {
  const expected = last?.after ? rowText(last.after) : undefined;
  for (const [name, { rows, records }] of [
    ['primary', primary],
    ['secondary', secondary],
  ] as const) {
    const record = records.get(key);
    if (rows.get(key) !== expected)
      find('lost', key, `the ${name} does not hold the outcome of its last write`);
    if ((record?.version ?? null) !== (last?.version ?? null))
      find(
        'version',
        key,
        `the ${name}'s guard is at ${record?.version ?? 'none'}, the last write at ${last?.version ?? 'none'}`,
      );
    if (record && record.deleted !== (expected === undefined))
      find('unequal', key, `the ${name}'s guard and row disagree`);
  }
  if (records(primary) !== records(secondary)) find('unequal', key, 'the digests differ');

  function records(contents: Contents): string | null {
    return contents.records.get(key)?.digest ?? null;
  }
}

function outcomeOf(change: Change, before: Account | null): Account | null | 'impossible' {
  switch (change.kind) {
    case 'create':
      return before ? 'impossible' : change.account;
    case 'replace':
      return change.account;
    case 'update':
      return before ? { ...before, ...change.patch } : 'impossible';
    case 'delete':
      return before ? null : 'impossible';
  }
}

function tookEffect({ status }: Entry): boolean {
  return status === 'completed' || status === 'pending' || status === 'parked';
}
