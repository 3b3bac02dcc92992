import { checkRecorded } from '../support/recorded.ts';
import { type Contents, type Entry, rowText } from './contents.ts';
import { chainOf, type Effect, outcomeOf, tookEffect } from './effects.ts';
import type { CheckResult, Find } from './fault.ts';
import { lastAnswer, type Promised, type PromiseLog } from './promises.ts';

/** Holds every promise against both stores, which must be quiet. `primary` is the one that has decided all of them. */
export function audit(log: PromiseLog, primary: Contents, secondary: Contents): CheckResult[] {
  const findings: CheckResult[] = [];
  const find: Find = (fault, about, why) => findings.push({ fault, about, why });
  const effects = auditOutcomes(log, primary, secondary, find);
  checkRecorded(log, effects, primary, 'every', find);
  checkRecorded(log, effects, secondary, 'some', find);
  return findings;
}

/**
 * As `audit`, without what the databases themselves saw. Gives what took effect.
 *
 * @param primary the one that decides now; its journal knows what the other has decided before
 * @param isRaised tells the keys whose versions may be above that of their last write, because a write was undone
 */
export function auditOutcomes(
  log: PromiseLog,
  primary: Contents,
  secondary: Contents,
  find: Find,
  isRaised: (key: string) => boolean = () => false,
): Effect[] {
  const entries = new Map(primary.journal.map((entry) => [entry.id, entry]));
  const promises = Map.groupBy(log.all(), ({ key }) => key);

  for (const { id, status } of [...primary.journal, ...secondary.journal]) {
    if (!log.find(id)) find('ghost', id, 'the journal names an operation that nobody asked for');
    if (status === 'pending' || status === 'tentative' || status === 'parked')
      find('open', id, `the journal says ${status}`);
  }
  for (const promised of log.all()) judgeAnswer(promised, entries.get(promised.operationId), find);

  const effects: Effect[] = [];
  const owed = new Set<string>();
  for (const [key, asked] of promises) {
    const chain = chainOf(key, asked, entries, find);
    const last = chain.at(-1) ?? null;
    if (last && entries.get(last.promised.operationId)?.status !== 'completed') owed.add(key);
    judgeRefusals(asked, entries, chain, isRaised(key), find);
    judgeRecord(key, last, 'primary', primary, isRaised(key), find);
    // The journal says that it is still to come, which is a finding of its own.
    if (!owed.has(key)) {
      judgeRecord(key, last, 'secondary', secondary, isRaised(key), find);
      judgeEquality(key, primary, secondary, find);
    }
    effects.push(...chain);
  }
  for (const key of new Set([...primary.rows.keys(), ...secondary.rows.keys()])) {
    if (!promises.has(key)) find('ghost', key, 'a row that nobody asked for');
    if (!owed.has(key) && primary.rows.get(key) !== secondary.rows.get(key))
      find('unequal', key, 'the rows differ');
  }
  return effects;
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

/** A refusal is just when the record, at the version that the journal notes, gives the reason for it. */
function judgeRefusals(
  asked: readonly Promised[],
  entries: ReadonlyMap<string, Entry>,
  chain: readonly Effect[],
  isRaised: boolean,
  find: Find,
): void {
  for (const { operationId, change, expected } of asked) {
    const entry = entries.get(operationId);
    if (entry?.status !== 'failed') continue;
    const at = entry.version ?? '0';
    const last = chain.findLast(({ version }) => (isRaised ? BigInt(version) <= BigInt(at) : version === at));
    const before = last?.after ?? null;
    const current = isRaised ? at : (last?.version ?? '0');
    const isJust =
      entry.reason === 'VersionConflict'
        ? expected !== null && expected !== current
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
  name: 'primary' | 'secondary',
  { rows, records }: Contents,
  isRaised: boolean,
  find: Find,
): void {
  const expected = last?.after ? rowText(last.after) : undefined;
  const record = records.get(key);
  if (rows.get(key) !== expected)
    find('lost', key, `the ${name} does not hold the outcome of its last write`);
  const isAbove = isRaised && record && BigInt(record.version) > BigInt(last?.version ?? '0');
  if (!isAbove && (record?.version ?? null) !== (last?.version ?? null))
    find(
      'version',
      key,
      `the ${name}'s guard is at ${record?.version ?? 'none'}, the last write at ${last?.version ?? 'none'}`,
    );
  if (record && record.deleted !== (expected === undefined))
    find('unequal', key, `the ${name}'s guard and row disagree`);
}

function judgeEquality(key: string, primary: Contents, secondary: Contents, find: Find): void {
  const [left, right] = [primary.records.get(key), secondary.records.get(key)];
  if (left?.digest !== right?.digest) find('unequal', key, 'the digests differ');
  if (left?.version !== right?.version) find('unequal', key, 'the versions differ');
}
