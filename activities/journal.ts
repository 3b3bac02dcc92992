import { currentState } from '../databases/state.ts';
import type { JournalEntry, JournalPosition } from '../databases/store.ts';
import { keyFromText, keyText } from '../model/canonical.ts';
import { LockstepError, type StoreName } from '../model/failure.ts';
import { entityNamed } from '../model/migration.ts';
import { routeOf, type WriteRoute } from '../model/operation.ts';
import type { ActivityContext } from './context.ts';
import { type Converged, convergeKeys } from './converge.ts';
import { beating } from './heartbeat.ts';

/** Which owed operations a retry takes. */
export interface RetryRequest {
  /** Those that have been pending for at least this long; younger ones are most likely on their way. */
  readonly olderThanMs: number;
  /** Whether parked ones are tried again too. */
  readonly parked: boolean;
  /** Only these; null takes all. */
  readonly ids: readonly string[] | null;
}

/** What became of one batch. */
export interface RetryBatch {
  readonly settled: number;
  readonly failed: number;
  /** Parked operations that are in both stores now, or whose undoing must be tried again: their workflows wait. */
  readonly waiting: readonly string[];
  /** Where the next batch begins; null at the end. */
  readonly next: JournalPosition | null;
  /** Why the rest was not tried: a store does not answer. */
  readonly stopped: string | null;
}

const entriesPerBatch = 100;
const prunedAtOnce = 500;
const betweenPrunesMs = 50;

export function journalActivities(context: ActivityContext) {
  const { migration, stores, wait } = context;

  /**
   * Converges the keys of owed operations, oldest first, and settles those that the other store took. It is right whatever
   * their workflows do meanwhile: what converged holds at least the version that the entry owes, and settling is idempotent.
   */
  async function retryOwed(request: RetryRequest & { from: JournalPosition | null }): Promise<RetryBatch> {
    const state = await currentState(context);
    if (!state.open) {
      throw new LockstepError(
        'Fenced',
        `the primary of ${migration.name} is being changed, which settles its journal`,
      );
    }
    const route = routeOf(state);
    const journal = stores[route.primary];
    try {
      const entries = await journal.journal({
        migration: migration.name,
        statuses: request.parked ? ['pending', 'parked'] : ['pending'],
        ...(request.ids ? { ids: request.ids } : {}),
        olderThanMs: request.olderThanMs,
        after: request.from,
        limit: entriesPerBatch,
      });
      // Their effect is to be undone: only their own workflows know how.
      const undoing = entries.filter((entry) => entry.failure === 'CompensationFailed');
      const owing = entries.filter((entry) => entry.failure !== 'CompensationFailed');
      const settled = await beating(() => settleEntries(owing, route));
      const last = entries.at(-1);
      return {
        settled: settled.length,
        failed: owing.length - settled.length,
        waiting: [...settled.filter((entry) => entry.status === 'parked'), ...undoing].map(({ id }) => id),
        next:
          last && entries.length === entriesPerBatch ? { createdAtMs: last.createdAtMs, id: last.id } : null,
        stopped: null,
      };
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'StoreUnavailable') throw error;
      return { settled: 0, failed: 0, waiting: [], next: null, stopped: error.message };
    }
  }

  async function settleEntries(
    entries: readonly JournalEntry[],
    route: WriteRoute,
  ): Promise<readonly JournalEntry[]> {
    const journal = stores[route.primary];
    // A route without secondary owes nothing to anybody.
    if (route.secondary === null) {
      await journal.settle(idsOf(entries), 'completed');
      return entries;
    }
    const settled: JournalEntry[] = [];
    for (const [name, own] of Map.groupBy(entries, (entry) => entry.entity)) {
      const byKey = Map.groupBy(own, (entry) => keyText(entry.key));
      const keys = [...byKey.keys()].map(keyFromText);
      const results = await convergeKeys(context, entityNamed(migration, name), keys, route);
      for (const [index, owed] of [...byKey.values()].entries()) {
        const result = results[index];
        if (!result) throw new TypeError('converge gave fewer results than keys');
        if (result.status === 'settled') settled.push(...owed);
        else await noteFailure(owed, result, route);
      }
      await journal.settle(idsOf(settled.filter((entry) => entry.entity === name)), 'completed');
    }
    return settled;
  }

  async function noteFailure(
    entries: readonly JournalEntry[],
    result: Exclude<Converged, { status: 'settled' }>,
    route: WriteRoute,
  ): Promise<void> {
    if (result.status === 'fenced') {
      throw new LockstepError(
        'Fenced',
        `the route of ${migration.name} changed while its journal was retried`,
      );
    }
    const failure = result.status === 'conflict' ? 'UniqueConflict' : 'StoreRefused';
    await stores[route.primary].noteTry(idsOf(entries), failure, result.message);
  }

  /** Takes settled entries that are older than the retention out of one store's journal; gives their number. */
  async function pruneJournal(request: { store: StoreName }): Promise<number> {
    const { journalRetentionMs: olderThanMs } = migration.policy;
    let removed = 0;
    for (;;) {
      const step = await beating(() =>
        stores[request.store].prune(migration.name, { olderThanMs, limit: prunedAtOnce }),
      );
      removed += step;
      if (step < prunedAtOnce) return removed;
      await wait(betweenPrunesMs);
    }
  }

  return { retryOwed, pruneJournal };
}

function idsOf(entries: readonly JournalEntry[]): string[] {
  return entries.map((entry) => entry.id);
}
