import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import type { Attempt, TransactionRecord } from '../../databases/contract/transactions.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError, isRetryable, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { type DurableState, routes } from '../../model/phase.ts';
import type { InDoubt } from '../../model/transaction.ts';
import type { ActivityContext } from '../context.ts';
import { finishBranches } from './finish-branches.ts';

/** What a round of recovery found and did. */
export interface Recovery {
  /** What was prepared when it came. */
  readonly found: readonly InDoubt[];
  /** Transactions that were undecided past their time, and are aborted now. */
  readonly aborted: number;
  /** Stores that could not be asked. */
  readonly unavailable: readonly StoreName[];
}

interface PreparedBranch {
  readonly store: StoreName;
  readonly branch: Attempt;
  readonly record: TransactionRecord | null;
}

const storeNames = ['legacy', 'modern'] as const;
const kind = 'transaction';

export function createRecoveryActivities(context: ActivityContext) {
  const { migration, stores, log } = context;
  const undecidedInTime = {
    decision: 'abort',
    code: 'Aborted',
    reason: `the transaction was not decided within ${migration.policy.inDoubtMs} ms; nothing was written, send it again under a new operation id`,
  } as const;

  /**
   * Ends what nobody else does: branches of decided transactions as was decided, and transactions that are undecided past
   * their time by an abort, which a commit that comes later loses to. Safe to repeat, and to run beside anything.
   */
  async function recoverTransactions(): Promise<Recovery> {
    const state = await currentState(context).catch((error: unknown) =>
      // Nothing has begun.
      isLockstepError(error, 'NotPrepared') ? null : nullWhereUnavailable(error),
    );
    const unavailable = new Set<StoreName>();
    const prepared = await preparedBranches(context, unavailable);
    const found = inDoubtOf(prepared);
    let aborted = 0;
    for (const coordinator of storeNames) {
      await ifReachable(coordinator, unavailable, async () => {
        const overdue = await stores[coordinator].undecided(migration.name, migration.policy.inDoubtMs);
        const inDoubt = new Set(
          prepared
            .filter(({ branch }) => branch.coordinator === coordinator)
            .map(({ branch }) => branch.transaction),
        );
        for (const key of inDoubt) {
          const ended = await recoverOne(coordinator, key).catch(loggedWhereUnsound);
          if (ended === null) continue;
          for (const store of ended.unavailable) unavailable.add(store);
          if (ended.aborted) aborted += 1;
        }
        for (const record of overdue) {
          if (inDoubt.has(record.transaction)) continue;
          if (state && (await abortWithoutBranch(coordinator, record, state))) aborted += 1;
        }
      });
    }
    if (aborted > 0) log('transactions were aborted: they were undecided past their time', { aborted });
    return { found, aborted, unavailable: [...unavailable] };
  }

  /** What is prepared holds the fence, so the primary cannot change before it has ended. */
  async function recoverOne(
    coordinator: StoreName,
    key: string,
  ): Promise<{ aborted: boolean; unavailable: StoreName[] }> {
    const store = stores[coordinator];
    const known = await store.decision(migration.name, key);
    const isDue = known === null || (known.decision === null && known.ageMs >= migration.policy.inDoubtMs);
    const record = isDue ? await store.decide(migration.name, key, undecidedInTime) : known;
    const unavailable = await finishBranches(context, record, coordinator);
    const aborted = isDue && record.decision === 'abort';
    if (aborted) await closeTransaction(context, record);
    return { aborted, unavailable };
  }

  /** Once the primary has changed, the transaction can commit only there, whatever becomes of it. */
  async function abortWithoutBranch(
    coordinator: StoreName,
    known: TransactionRecord,
    state: DurableState,
  ): Promise<boolean> {
    if (routes[state.phase].primary !== coordinator) {
      if (state.open) await stores[coordinator].forgetUndecided(migration.name, known);
      return false;
    }
    try {
      const { epoch } = state;
      const { transaction } = known;
      const record = await stores[coordinator].decide(migration.name, transaction, undecidedInTime, {
        epoch,
      });
      const aborted = record.decision === 'abort';
      if (aborted) await closeTransaction(context, record);
      return aborted;
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'Fenced') throw error;
      return false;
    }
  }

  /** A record that nobody can read keeps its own branches, and no others: a person has to say what was decided. */
  function loggedWhereUnsound(error: unknown): null {
    if (!isLockstepError(error, 'InvalidControlRow')) throw error;
    log('a transaction stays in doubt', { reason: error.message });
    return null;
  }

  return { recoverTransactions };
}

/**
 * Closes the operation id of an aborted transaction in both stores, so that a Prepare that comes late is refused. Where a
 * store does not answer, recovery rolls back what is prepared there: the record keeps it from being committed.
 */
export async function closeTransaction(context: OpenMigration, record: TransactionRecord): Promise<void> {
  const { operationId: id, entity, key } = record;
  for (const name of storeNames) {
    await ifReachable(name, new Set(), async () => {
      await context.stores[name].abort({ id, entity, key, kind }, context.migration.name);
    });
  }
}

/** What is prepared in each store and not ended yet, with the age of the oldest: for metrics and alerts. */
export async function inDoubt(context: OpenMigration): Promise<readonly InDoubt[]> {
  return inDoubtOf(await preparedBranches(context, new Set()));
}

async function preparedBranches(
  context: OpenMigration,
  unavailable: Set<StoreName>,
): Promise<PreparedBranch[]> {
  const prepared: PreparedBranch[] = [];
  for (const store of storeNames) {
    await ifReachable(store, unavailable, async () => {
      for (const branch of await context.stores[store].preparedBranches(context.migration.name)) {
        const { coordinator, migration, transaction } = branch;
        let record: TransactionRecord | null = null;
        await ifReachable(coordinator, unavailable, async () => {
          record = await context.stores[coordinator].decision(migration, transaction).catch(nullWhereUnsound);
        });
        prepared.push({ store, branch, record });
      }
    });
  }
  return prepared;
}

function nullWhereUnsound(error: unknown): null {
  if (isLockstepError(error, 'InvalidControlRow')) return null;
  throw error;
}

function inDoubtOf(prepared: readonly PreparedBranch[]): InDoubt[] {
  return storeNames.map((store) => {
    const here = prepared.filter((branch) => branch.store === store);
    const oldestMs = Math.max(0, ...here.map(({ record }) => record?.ageMs ?? 0));
    return { store, count: here.length, oldestMs };
  });
}

/** A store that is unavailable keeps nothing else from being recovered. */
async function ifReachable(
  store: StoreName,
  unavailable: Set<StoreName>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isRetryable(error)) throw error;
    unavailable.add(store);
  }
}
