import type { StoreName } from '../../model/failure.ts';
import type { Account } from '../account/account.ts';
import { type Contents, type Entry, rowText } from '../account/contents.ts';
import { chainOf } from '../account/effects.ts';
import type { CheckResult, Find } from '../account/fault.ts';
import { lastAnswer, type Promised } from '../account/promises.ts';

/** Rows that were there before Lockstep have this version. */
export const unversioned = '0';

/**
 * Holds what callers were told against both stores. It goes by the answers alone: a journal that was set back says nothing of
 * what came after.
 *
 * @param promises those that a store may still have; others are neither asked for nor taken for ghosts
 */
export function judge(
  promises: readonly Promised[],
  stores: Readonly<Partial<Record<StoreName, Contents>>>,
): CheckResult[] {
  const findings: CheckResult[] = [];
  const find: Find = (fault, about, why) => findings.push({ fault, about, why });
  const entries = new Map(promises.flatMap((promised) => acknowledged(promised)));
  const byKey = Map.groupBy(promises, ({ key }) => key);
  for (const [key, asked] of byKey) {
    const last = chainOf(key, asked, entries, find).at(-1) ?? null;
    for (const [name, contents] of Object.entries(stores)) {
      judgeKey({ key, name, contents, version: last?.version ?? null, after: last?.after ?? null }, find);
    }
  }
  const { legacy, modern } = stores;
  for (const key of byKey.keys()) {
    const [one, other] = [legacy?.records.get(key), modern?.records.get(key)];
    if (legacy && modern && one?.version !== other?.version)
      find('unequal', key, `legacy has version ${one?.version}, modern ${other?.version}`);
  }
  for (const [name, { rows, journal }] of Object.entries(stores)) {
    for (const key of rows.keys())
      if (!byKey.has(key)) find('ghost', key, `${name} has a row that nobody asked for`);
    for (const { id, status } of journal)
      if (status === 'pending' || status === 'tentative' || status === 'parked')
        find('open', id, `the journal of ${name} says ${status}`);
  }
  return findings;
}

function judgeKey(
  wanted: { key: string; name: string; contents: Contents; version: string | null; after: Account | null },
  find: Find,
): void {
  const { key, name, contents, version, after } = wanted;
  const expected = after ? rowText(after) : undefined;
  if (contents.rows.get(key) !== expected)
    find('lost', key, `${name} does not hold the outcome of the last write that was acknowledged`);
  if (version === null || version === unversioned) return;
  const record = contents.records.get(key);
  // What was undone, or repaired, has a higher one.
  if (!record || BigInt(record.version) < BigInt(version))
    find(
      'version',
      key,
      `${name} has version ${record?.version ?? 'none'}, the last one given was ${version}`,
    );
  if (record && record.deleted !== (after === null))
    find('unequal', key, `the record and the row of ${name} disagree`);
}

/** As a journal would have them. */
function acknowledged(promised: Promised): [string, Entry][] {
  const answer = lastAnswer(promised);
  if (answer.outcome !== 'acknowledged') return [];
  const { operationId: id, key } = promised;
  return [[id, { id, key, status: 'completed', version: answer.version, reason: null }]];
}
