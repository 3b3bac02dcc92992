import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import type { JournalBacklog } from './journal.ts';
import type { Store } from './store.ts';

/**
 * What waits in both journals. The primary owes; the other may hold what could not be undone there, which counts
 * as parked. Where the other is unavailable, what the primary says is all there is to know.
 */
export async function backlogOf(
  migration: string,
  primary: Store,
  other: Store | null,
): Promise<JournalBacklog> {
  const backlog = await primary.journalBacklog(migration);
  const parked = other ? await other.journalBacklog(migration).catch(nullWhereUnavailable) : null;
  if (!parked || parked.parked === 0) return backlog;
  return {
    ...backlog,
    parked: backlog.parked + parked.parked,
    oldestMs: oldest(backlog.oldestMs, parked.oldestParkedMs),
    oldestParkedMs: oldest(backlog.oldestParkedMs, parked.oldestParkedMs),
  };
}

function oldest(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.max(left, right);
}
