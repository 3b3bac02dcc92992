import { currentState } from '../../databases/contract/current-state.ts';
import type { JournalEntry, JournalPosition } from '../../databases/contract/journal.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { entityNamed, hasTransactions } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { beating } from '../heartbeat.ts';
import { type Converged, convergeKeys } from '../write/converge.ts';

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
  /** Parked operations that are in both stores now; they are settled when their workflows, which wait, have been told. */
  readonly unparked: readonly string[];
  /** Parked operations that are to be undone, which only their workflows can do. */
  readonly undoing: readonly string[];
  /** Where the next batch begins; null at the end. */
  readonly next: JournalPosition | null;
  /** Why the rest was not tried: a store does not answer. */
  readonly stopped: string | null;
}

type Tried = Converged | { readonly status: 'late'; readonly message: string };

const failures = { refused: 'StoreRefused', late: 'StoreUnavailable' } as const;
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
      const undoing = entries.filter((entry) => entry.failure === 'CompensationFailed');
      const owing = entries.filter((entry) => entry.failure !== 'CompensationFailed');
      const converged = await beating(() => convergeEntries(owing, route));
      const [unparked, settled] = [converged.filter(isParked), converged.filter((entry) => !isParked(entry))];
      await journal.settle(idsOf(settled), 'completed');
      const last = entries.at(-1);
      return {
        settled: settled.length,
        failed: owing.length - converged.length,
        unparked: idsOf(unparked),
        undoing: idsOf(undoing),
        next:
          last && entries.length === entriesPerBatch ? { createdAtMs: last.createdAtMs, id: last.id } : null,
        stopped: null,
      };
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      return { settled: 0, failed: 0, unparked: [], undoing: [], next: null, stopped: error.message };
    }
  }

  /** Gives the entries that are in both stores now. */
  async function convergeEntries(
    entries: readonly JournalEntry[],
    route: WriteRoute,
  ): Promise<readonly JournalEntry[]> {
    // A route without secondary owes nothing to anybody.
    if (route.secondary === null) return entries;
    const converged: JournalEntry[] = [];
    for (const [name, own] of Map.groupBy(entries, (entry) => entry.entity)) {
      const byKey = Map.groupBy(own, (entry) => keyText(entry.key));
      const keys = [...byKey.keys()].map(keyFromText);
      const results = await convergeAll(entityNamed(migration, name), keys, route);
      for (const [index, owed] of [...byKey.values()].entries()) {
        const result = results[index];
        if (!result) throw new TypeError('converge gave fewer results than keys');
        if (result.status === 'settled') converged.push(...owed);
        else await noteFailure(owed, result, route);
      }
    }
    return converged;
  }

  /** What fails because of one key, such as a lock that somebody holds, keeps none of the others waiting. */
  async function convergeAll(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<Tried[]> {
    try {
      return await convergeKeys(context, entity, keys, route);
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      await Promise.all([stores.legacy.ping(), stores.modern.ping()]);
      const [only, ...rest] = keys;
      if (only && rest.length === 0) return [{ status: 'late', message: error.message }];
      const results: Tried[] = [];
      for (const key of keys) results.push(...(await convergeAll(entity, [key], route)));
      return results;
    }
  }

  async function noteFailure(
    entries: readonly JournalEntry[],
    result: Exclude<Tried, { status: 'settled' }>,
    route: WriteRoute,
  ): Promise<void> {
    if (result.status === 'fenced') {
      throw new LockstepError(
        'Fenced',
        `the route of ${migration.name} changed while its journal was retried`,
      );
    }
    const failure = result.status === 'conflict' ? result.code : failures[result.status];
    await stores[route.primary].noteTry(idsOf(entries), failure, result.message);
  }

  /** After the workflows that wait for a person have been told. */
  async function settleRetried(request: { operationIds: readonly string[] }): Promise<void> {
    const { primary } = routeOf(await currentState(context));
    await stores[primary].settle(request.operationIds, 'completed');
  }

  /**
   * Takes settled entries that are older than the retention out of one store's journal, and then records of transactions that
   * were decided as long ago and have no branch left in either store; gives their number.
   */
  async function pruneJournal(request: { store: StoreName }): Promise<number> {
    const store = stores[request.store];
    const entries = await inSteps((limits) => store.prune(migration.name, limits));
    if (!hasTransactions(migration)) return entries;
    const branches = await beating(async () => [
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
    const limits = { olderThanMs: migration.policy.journalRetentionMs, limit: prunedAtOnce };
    let removed = 0;
    for (;;) {
      const step = await beating(() => prune(limits));
      removed += step;
      if (step < prunedAtOnce) return removed;
      await wait(betweenPrunesMs);
    }
  }

  return { retryOwed, settleRetried, pruneJournal };
}

function isParked({ status }: JournalEntry): boolean {
  return status === 'parked';
}

function idsOf(entries: readonly JournalEntry[]): string[] {
  return entries.map((entry) => entry.id);
}
