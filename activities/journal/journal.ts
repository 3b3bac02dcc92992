import { currentState } from '../../databases/contract/current-state.ts';
import type { JournalEntry, JournalPosition } from '../../databases/contract/journal.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { entityNamed, hasTransactions } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type ConvergeResult, convergeKeys } from '../write/converge.ts';

/** Which pending operations a retry takes. */
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
  readonly completed: number;
  readonly failed: number;
  /**
   * Parked operations that are in both stores now; they are completed when their workflows, which wait, have been
   * notified.
   */
  readonly unparked: readonly string[];
  /** Parked operations that are to be undone, which only their workflows can do. */
  readonly undoing: readonly string[];
  /** Where the next batch begins; null at the end. */
  readonly next: JournalPosition | null;
  /** Why the rest was not tried: a store does not answer. */
  readonly stopped: string | null;
}

type RetryResult = ConvergeResult | { readonly status: 'late'; readonly message: string };

const failures = { refused: 'StoreRefused', late: 'StoreUnavailable' } as const;
const entriesPerBatch = 100;
const pruneBatchSize = 500;
const prunePauseMs = 50;

export function createJournalActivities(context: ActivityContext) {
  const { migration, stores, wait } = context;

  /**
   * Converges the keys of pending operations, oldest first, and completes those that the other store took. It is right
   * whatever their workflows do meanwhile: the secondary then has at least the pending version, and completing an entry
   * is idempotent.
   */
  async function retryBacklog(request: RetryRequest & { from: JournalPosition | null }): Promise<RetryBatch> {
    const state = await currentState(context);
    if (!state.open) {
      throw new LockstepError(
        'Fenced',
        `the primary of ${migration.name} is being changed, which empties its journal first`,
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
      const undoing = entries.filter((entry) => entry.failure === 'CompensationFailed');
      const toConverge = entries.filter((entry) => entry.failure !== 'CompensationFailed');
      const converged = await withHeartbeat(() => convergeEntries(toConverge, route));
      const [unparked, completed] = [
        converged.filter(isParked),
        converged.filter((entry) => !isParked(entry)),
      ];
      await journal.setOperationStatus(idsOf(completed), 'completed');
      const last = entries.at(-1);
      return {
        completed: completed.length,
        failed: toConverge.length - converged.length,
        unparked: idsOf(unparked),
        undoing: idsOf(undoing),
        next:
          last && entries.length === entriesPerBatch ? { createdAtMs: last.createdAtMs, id: last.id } : null,
        stopped: null,
      };
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      return { completed: 0, failed: 0, unparked: [], undoing: [], next: null, stopped: error.message };
    }
  }

  /** Gives the entries that are in both stores now. */
  async function convergeEntries(
    entries: readonly JournalEntry[],
    route: WriteRoute,
  ): Promise<readonly JournalEntry[]> {
    // Without a secondary nothing is pending.
    if (route.secondary === null) return entries;
    const converged: JournalEntry[] = [];
    for (const [name, own] of Map.groupBy(entries, (entry) => entry.entity)) {
      const byKey = Map.groupBy(own, (entry) => keyText(entry.key));
      const keys = [...byKey.keys()].map(keyFromText);
      const results = await convergeAll(entityNamed(migration, name), keys, route);
      for (const [index, entriesOfKey] of [...byKey.values()].entries()) {
        const result = results[index];
        if (!result) throw new TypeError('converge gave fewer results than keys');
        if (result.status === 'converged') converged.push(...entriesOfKey);
        else await recordFailure(entriesOfKey, result, route);
      }
    }
    return converged;
  }

  /** What fails because of one key, such as a lock that somebody holds, keeps none of the others waiting. */
  async function convergeAll(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
  ): Promise<RetryResult[]> {
    try {
      return await convergeKeys(context, entity, keys, route);
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      await Promise.all([stores.legacy.ping(), stores.modern.ping()]);
      const [only, ...rest] = keys;
      if (only && rest.length === 0) return [{ status: 'late', message: error.message }];
      const results: RetryResult[] = [];
      for (const key of keys) results.push(...(await convergeAll(entity, [key], route)));
      return results;
    }
  }

  async function recordFailure(
    entries: readonly JournalEntry[],
    result: Exclude<RetryResult, { status: 'converged' }>,
    route: WriteRoute,
  ): Promise<void> {
    if (result.status === 'fenced') {
      throw new LockstepError(
        'Fenced',
        `the route of ${migration.name} changed while its journal was retried`,
      );
    }
    const failure = result.status === 'conflict' ? result.code : failures[result.status];
    await stores[route.primary].recordAttempt(idsOf(entries), failure, result.message);
  }

  /** After the workflows that wait for a person have been notified. */
  async function completeRetried(request: { operationIds: readonly string[] }): Promise<void> {
    const { primary } = routeOf(await currentState(context));
    await stores[primary].setOperationStatus(request.operationIds, 'completed');
  }

  /**
   * Takes finished entries that are older than the retention out of one store's journal, and then records of
   * transactions that were decided as long ago and have no branch left in either store; gives their number.
   */
  async function pruneJournal(request: { store: StoreName }): Promise<number> {
    const store = stores[request.store];
    const entries = await inSteps((limits) => store.prune(migration.name, limits));
    if (!hasTransactions(migration)) return entries;
    const branches = await withHeartbeat(async () => [
      ...(await stores.legacy.preparedBranches(migration.name)),
      ...(await stores.modern.preparedBranches(migration.name)),
    ]);
    const except = [...new Set(branches.map(({ transaction }) => transaction))];
    const decided = await inSteps((limits) => store.pruneDecisions(migration.name, { ...limits, except }));
    return entries + decided;
  }

  async function inSteps(
    prune: (limits: { olderThanMs: number; limit: number }) => Promise<number>,
  ): Promise<number> {
    const limits = { olderThanMs: migration.policy.journalRetentionMs, limit: pruneBatchSize };
    let removed = 0;
    for (;;) {
      const step = await withHeartbeat(() => prune(limits));
      removed += step;
      if (step < pruneBatchSize) return removed;
      await wait(prunePauseMs);
    }
  }

  return { retryBacklog, completeRetried, pruneJournal };
}

function isParked({ status }: JournalEntry): boolean {
  return status === 'parked';
}

function idsOf(entries: readonly JournalEntry[]): string[] {
  return entries.map((entry) => entry.id);
}
