import type { Account } from './account.ts';
import type { Entry } from './contents.ts';
import type { Find } from './fault.ts';
import type { Change, Promised } from './promises.ts';

/** A write that the journal says took effect, and what it made of the record. */
export interface Effect {
  readonly promised: Promised;
  readonly version: string;
  readonly after: Account | null;
}

/** What took effect on a key, by version, with the record's state after each. */
export function chainOf(
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

export function outcomeOf(change: Change, before: Account | null): Account | null | 'impossible' {
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

export function tookEffect({ status }: Entry): boolean {
  return status === 'completed' || status === 'pending' || status === 'parked';
}
