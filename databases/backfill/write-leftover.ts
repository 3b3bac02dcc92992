import { type Key, keyText } from '../../model/canonical.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { Leftover } from '../contract/backfill.ts';
import type { Difference } from '../contract/comparison.ts';
import type { Fence, Outcome, StoreFailure, WriteItem } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import type { GuardedWrites } from '../sql/guarded-write.ts';
import { withUnfitColumns } from '../sql/unfit-columns.ts';
import { outcomesInOrder } from '../sql/write-request.ts';
import { rejectionOf } from './rejection.ts';

/** Few enough for a statement, and enough for its locks to be one list. */
const itemsPerCall = 500;

/**
 * What the bulk load cannot take goes through the write routine, which says why it refuses a row.
 *
 * @param mayWait whether a row that lacks another one is counted, and no difference yet
 */
export async function writeLeftover(
  context: StoreContext,
  writes: GuardedWrites,
  session: Session,
  bound: BoundEntity,
  { items: given, unreadable, lossy }: Leftover,
  refusedBefore: ReadonlyMap<number, StoreFailure>,
  fence: Fence,
  mayWait: boolean,
): Promise<{ copied: number; waiting: number; refused: number; differences: Difference[] }> {
  const entity = bound.entity.name;
  const differences = unreadable.map(
    ({ key, reason }): Difference => ({ entity, key, verdict: 'unreadable', reason }),
  );
  const refuse = (key: Key, { message: reason }: StoreFailure) =>
    differences.push({ entity, key, verdict: 'refused', reason });
  for (const [position, failure] of refusedBefore) {
    const key = given[position]?.key;
    if (key) refuse(key, failure);
  }
  const items = given.filter((_, position) => !refusedBefore.has(position));
  let copied = 0;
  let waiting = 0;
  for (let from = 0; from < items.length; from += itemsPerCall) {
    const list = items.slice(from, from + itemsPerCall);
    const outcomes = await writeList(list);
    for (const [index, { key }] of list.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === 'applied') copied += 1;
      if (outcome?.status !== 'failed') continue;
      if (mayWait && outcome.failure.code === 'ForeignKeyConflict') waiting += 1;
      else refuse(key, outcome.failure);
    }
  }
  // A row comes in without what its image does not hold, and that is told. Why a row is refused says more.
  const known = new Set(differences.map(({ key }) => keyText(key)));
  const told = lossy
    .filter(({ key }) => !known.has(keyText(key)))
    .map(({ key, reason }): Difference => ({ entity, key, verdict: 'lossy', reason }));
  return { copied, waiting, refused: differences.length, differences: [...differences, ...told] };

  /** In one call, which takes all locks in one order; where one is refused, key by key. */
  async function writeList(list: readonly WriteItem[]): Promise<Outcome[]> {
    const { ready, failed } = writes.rows(bound, list);
    if (ready.length === 0) return outcomesInOrder(list, failed);
    const { constraints } = context.engine.dialect;
    await session.query('SAVEPOINT lockstep_row');
    try {
      const written = await writes.call(session, bound, ready, fence);
      // Whom a constraint refuses must show here, and not at the commit.
      if (constraints) await session.query(constraints.check);
      await session.query('RELEASE SAVEPOINT lockstep_row');
      return outcomesInOrder(list, failed, written);
    } catch (error) {
      const failure = rejectionOf(context, error);
      await session.query('ROLLBACK TO SAVEPOINT lockstep_row');
      const [only] = ready;
      if (only && list.length === 1)
        return [{ status: 'failed', failure: withUnfitColumns(failure, bound, only.rows) }];
    }
    const apart: Outcome[] = [];
    for (const item of list) apart.push(...(await writeList([item])));
    return apart;
  }
}
