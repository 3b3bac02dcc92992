import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import type { JournalBacklog } from './journal.ts';
import type { Store } from './store.ts';

/**
 * What is open in both journals. The primary owes. The other may hold what it took before the primary decided: tentative, or
 * parked where it could not be undone. Where the other is unavailable, what the primary says is all there is to know.
 */
export async function backlogOf(
  migration: string,
  primary: Store,
  other: Store | null,
): Promise<JournalBacklog> {
  const backlog = await primary.journalBacklog(migration);
  const others = other ? await other.journalBacklog(migration).catch(nullWhereUnavailable) : null;
  if (!others) return backlog;
  const oldestParkedMs = oldest(backlog.oldestParkedMs, others.oldestParkedMs);
  const oldestTentativeMs = oldest(backlog.oldestTentativeMs, others.oldestTentativeMs);
  return {
    ...backlog,
    parked: backlog.parked + others.parked,
    tentative: backlog.tentative + others.tentative,
    oldestMs: oldest(oldest(backlog.oldestPendingMs, oldestParkedMs), oldestTentativeMs),
    oldestParkedMs,
    oldestTentativeMs,
  };
}

function oldest(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.max(left, right);
}
