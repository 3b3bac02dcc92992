import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import type { Owed } from './journal.ts';
import type { Store } from './store.ts';

/**
 * What waits in both journals. The store that decides owes; the other may hold what could not be undone there, which counts
 * as parked. Where the other is away, what the deciding one says is all there is to know.
 */
export async function owedBy(migration: string, deciding: Store, other: Store | null): Promise<Owed> {
  const owed = await deciding.owed(migration);
  const parked = other ? await other.owed(migration).catch(nullWhereUnavailable) : null;
  if (!parked || parked.parked === 0) return owed;
  return {
    ...owed,
    parked: owed.parked + parked.parked,
    oldestMs: oldest(owed.oldestMs, parked.oldestParkedMs),
    oldestParkedMs: oldest(owed.oldestParkedMs, parked.oldestParkedMs),
  };
}

function oldest(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.max(left, right);
}
