import { currentState } from '../../databases/contract/current-state.ts';
import {
  assertSound,
  isSound,
  type JournalEntry,
  type JournalPosition,
} from '../../databases/contract/journal.ts';
import type { RecordedRefusal } from '../../databases/contract/recorded-refusal.ts';
import type { Store } from '../../databases/contract/store.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { entityNamed, hasTransactions } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import { otherStore } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { inFittingParts } from '../fitting-parts.ts';
import { withHeartbeat } from '../heartbeat.ts';
import type { PairedRoute } from '../write/converge.ts';
import { createTentativeResolver } from '../write/tentative.ts';
import { createUndoActivities } from '../write/undo.ts';
import { completeEntries, idsOf } from './complete-entries.ts';
import { createEntryConvergence } from './converge-entries.ts';

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
  /** What a secondary had taken before the primary decided, and is made good or undone as that has. */
  readonly settled: number;
  /**
   * Parked operations that are in both stores now, or were overtaken there; they are completed when their workflows, which wait, have
   * been notified.
   */
  readonly unparked: readonly string[];
  /** Operations that wait for a person because they could not be undone. */
  readonly undoing: readonly string[];
  /**
   * Operations that nothing but an undo can end: the primary has not decided about them, or the secondary refuses for good what
   * both stores were to have. That is for their workflows, and for the journal where those are gone.
   */
  readonly undecided: readonly string[];
  /** Where the next batch begins; null at the end. */
  readonly next: JournalPosition | null;
  /** Why the rest was not tried: a store does not answer. */
  readonly stopped: string | null;
}

const entriesPerBatch = 100;
const tentativePerRun = 1_000;
const parkedPerRun = 1_000;
const pruneBatchSize = 500;
const prunePauseMs = 50;

export function createJournalActivities(context: ActivityContext) {
  const { migration, stores, wait } = context;
  const { resolve } = createTentativeResolver(context);
  const { undoOperation } = createUndoActivities(context);
  const { convergeEntries } = createEntryConvergence(context);
  /** What a transaction of the caller's has done is never undone: its entry waits until the row is mended. */
  const isParallel = ({ entity, kind }: JournalEntry) =>
    kind !== touchKind && entityNamed(migration, entity).pattern === 'parallel';

  /** Its workflow would have parked it by now, and there may be none: a process may have died before it was started. */
  const waitsForPerson = (entry: JournalEntry) =>
    !isParked(entry) && entry.kind !== touchKind && !isParallel(entry);

  async function park(journal: Store, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    for (const entry of await journal.journal({ migration: migration.name, ids, limit: ids.length }))
      if (isSound(entry))
        await journal.park(entry.id, { failure: 'StoreRefused', reason: entry.reason ?? 'it was refused' });
  }

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
      const undoing = entries.filter((entry) => isSound(entry) && entry.failure === 'CompensationFailed');
      // One whose undo has begun is for its workflow, or ended without it: what is converged would be told as taken.
      const begun = entries.filter(
        (entry) => isSound(entry) && entry.refusal !== null && !undoing.includes(entry),
      );
      const toConverge = entries.filter((entry) => !undoing.includes(entry) && !begun.includes(entry));
      const { converged, refused } = await withHeartbeat(() => convergeEntries(toConverge, route));
      await park(journal, idsOf(refused.filter((entry) => waitsForPerson(entry))));
      // Once in a run: the next one finds what is open then.
      const found = request.from === null ? await tentativeEntries(request, route) : [];
      const tentative = found.filter(isSound);
      const settled = await withHeartbeat(() => settleDecided(tentative, pairedRoute(route)));
      const undecided = tentative.filter((entry) => !settled.has(entry.id));
      const overtaken =
        request.from === null ? await withHeartbeat(() => overtakenEntries(request, route)) : [];
      const unparked = [...converged.filter(isParked), ...overtaken];
      const completed = converged.filter((entry) => !isParked(entry));
      await completeEntries(journal, migration.name, completed);
      const last = entries.at(-1);
      return {
        completed: completed.length,
        failed: toConverge.length - converged.length + found.length - tentative.length,
        unparked: idsOf(unparked),
        settled: settled.size,
        undoing: idsOf([...undoing, ...undecided.filter(isParked)]),
        undecided: idsOf([
          ...begun,
          ...refused.filter(isParallel),
          ...undecided.filter((entry) => !isParked(entry)),
        ]),
        next:
          last && entries.length === entriesPerBatch ? { createdAtMs: last.createdAtMs, id: last.id } : null,
        stopped: null,
      };
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      return {
        completed: 0,
        failed: 0,
        settled: 0,
        unparked: [],
        undoing: [],
        undecided: [],
        next: null,
        stopped: error.message,
      };
    }
  }

  /**
   * Parked ones whose record both stores have in the same, newer version by now: no store waits for them, and no decision would change
   * a row. One that is being undone waits for a person all the same.
   */
  async function overtakenEntries(
    request: RetryRequest,
    { primary, secondary }: WriteRoute,
  ): Promise<JournalEntry[]> {
    if (request.parked || secondary === null) return [];
    const found = await stores[primary].journal({
      migration: migration.name,
      statuses: ['parked'],
      overtaken: true,
      ...(request.ids ? { ids: request.ids } : {}),
      olderThanMs: request.olderThanMs,
      limit: parkedPerRun,
    });
    const decidable = found
      .filter(isSound)
      .filter(({ failure, refusal }) => failure !== 'CompensationFailed' && refusal === null);
    const overtaken: JournalEntry[] = [];
    for (const [name, entries] of Map.groupBy(decidable, (entry) => entry.entity)) {
      const pair = [stores[primary], stores[secondary]];
      const keys = entries.map(({ key }) => key);
      const equal = await inFittingParts(pair, entityNamed(migration, name), keys, async (part) => {
        const [decided = [], taken = []] = await Promise.all(
          pair.map((store) => store.read(entityNamed(migration, name), part)),
        );
        return part.map((_, at) => decided[at]?.version === taken[at]?.version);
      });
      overtaken.push(...entries.filter((_, at) => equal[at]));
    }
    return overtaken;
  }

  /** What the secondary has taken before the primary decided, parked ones where they are asked for. */
  async function tentativeEntries(request: RetryRequest, route: WriteRoute): Promise<JournalEntry[]> {
    const found = stores[otherStore(route.primary)].journal({
      migration: migration.name,
      statuses: request.parked ? ['tentative', 'parked'] : ['tentative'],
      ...(request.ids ? { ids: request.ids } : {}),
      olderThanMs: request.olderThanMs,
      limit: tentativePerRun,
    });
    // A store that is left behind may be gone for good.
    return await (route.secondary === null ? found.catch(nullWhereUnavailable) : found).then(
      (all) => all ?? [],
    );
  }

  /** Those that the primary has decided about; gives the ids of what is settled. */
  async function settleDecided(entries: readonly JournalEntry[], route: PairedRoute): Promise<Set<string>> {
    const settled = new Set<string>();
    for (let at = 0; at < entries.length; at += entriesPerBatch) {
      const ids = idsOf(entries.slice(at, at + entriesPerBatch));
      const decided = await stores[route.primary].journal({
        migration: migration.name,
        ids,
        limit: ids.length,
      });
      for (const { id } of decided.filter(isSound)) {
        const entry = entries.find((candidate) => candidate.id === id && !isParked(candidate));
        if (entry && (await resolve(entry, route)).status === 'settled') settled.add(id);
      }
    }
    return settled;
  }

  function pairedRoute(route: WriteRoute): PairedRoute {
    return { ...route, secondary: otherStore(route.primary) };
  }

  /**
   * Undoes what is to be undone of operations whose workflows are gone, from the journals alone; what cannot be is parked.
   * Gives the number of those that are over.
   */
  async function undoOrphaned(request: { operationIds: readonly string[] }): Promise<number> {
    const state = await currentState(context);
    if (!state.open)
      throw new LockstepError(
        'Fenced',
        `the primary of ${migration.name} is being changed, which settles what is tentative`,
      );
    const { primary, epoch } = routeOf(state);
    const route = { epoch, primary, secondary: otherStore(primary) };
    return await withHeartbeat(async () => {
      let over = 0;
      for (const id of request.operationIds) if (await undoOne(id, route)) over += 1;
      return over;
    });
  }

  async function undoOne(id: string, route: PairedRoute): Promise<boolean> {
    const find = async (store: StoreName) =>
      (await stores[store].journal({ migration: migration.name, ids: [id], limit: 1 })).find(isOpen) ?? null;
    const tentative = await find(route.secondary);
    if (tentative) assertSound(tentative, route.secondary);
    if (tentative) return (await resolve(tentative, route)).status === 'settled';
    const owed = await find(route.primary);
    if (owed) assertSound(owed, route.primary);
    if (!owed?.version) return true;
    const refusal = isParallel(owed) ? (owed.refusal ?? refusalOf(owed, route.secondary)) : null;
    // Neither a store nor a person asks for it: it is on its way.
    if (refusal === null && !isParked(owed)) return false;
    const undone = await undoOperation({ operation: owed, route, version: owed.version, refusal });
    if (undone.status === 'applied' || undone.status === 'stands') return true;
    const why = 'message' in undone ? undone.message : 'the route changed';
    const reason = `${owed.reason ?? 'the other store refused it'}; its compensation failed: ${why}`;
    await stores[route.primary].park(id, { failure: 'CompensationFailed', reason, undoing: true });
    return false;
  }

  /** After the workflows that wait for a person have been notified. */
  async function completeRetried(request: { operationIds: readonly string[] }): Promise<void> {
    const journal = stores[routeOf(await currentState(context)).primary];
    const ids = request.operationIds;
    const entries = await journal.journal({ migration: migration.name, ids, limit: ids.length });
    await completeEntries(journal, migration.name, entries.filter(isSound).filter(isOpen));
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

  return { retryBacklog, undoOrphaned, completeRetried, pruneJournal };
}

/** Its workflow is gone, and with it what the store said in full. */
function refusalOf({ reason }: JournalEntry, store: StoreName): RecordedRefusal | null {
  return reason === null ? null : { code: 'StoreRefused', message: reason, store };
}

function isParked({ status }: JournalEntry): boolean {
  return status === 'parked';
}

function isOpen({ status }: JournalEntry): boolean {
  return status === 'pending' || status === 'tentative' || status === 'parked';
}
