import type { OpenMigration } from '../../databases/contract/current-state.ts';
import type { Attempt, TransactionRecord } from '../../databases/contract/transactions.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isRetryable } from '../../model/is-lockstep-error.ts';

const bothStores = ['legacy', 'modern'] as const;

/**
 * Does to the branches of a transaction what its record says: the attempt that is to commit is committed, one that may still
 * commit is left alone, and all others are rolled back. Gives the stores that could not be asked.
 */
export async function finishBranches(
  context: OpenMigration,
  record: TransactionRecord,
  coordinator: StoreName,
): Promise<StoreName[]> {
  const unavailable: StoreName[] = [];
  for (const name of bothStores) {
    try {
      const store = context.stores[name];
      for (const branch of await store.preparedBranches(context.migration.name)) {
        if (branch.transaction !== record.transaction || branch.coordinator !== coordinator) continue;
        const end = branchEnding(branch, record);
        if (end === 'commit') await store.commitBranch(branch);
        if (end === 'roll back') await store.rollBackBranch(branch);
      }
    } catch (error) {
      if (!isRetryable(error)) throw error;
      unavailable.push(name);
    }
  }
  return unavailable;
}

/** Null while it is in doubt. A branch without a record never can be decided: its record comes before it. */
function branchEnding(branch: Attempt, record: TransactionRecord | null): 'commit' | 'roll back' | null {
  if (record?.attempt !== branch.attempt || record.decision === 'abort') return 'roll back';
  return record.decision;
}

/**
 * Commits one branch of a transaction that is to commit. Where it is gone, it has been committed before: the journal has the
 * operation then. Otherwise somebody has ended it by hand, and that must be seen.
 */
export async function commitBranch(
  context: OpenMigration,
  name: StoreName,
  branch: Attempt,
  operationId: string,
): Promise<void> {
  const store = context.stores[name];
  if (await store.commitBranch(branch)) return;
  const { name: migration } = context.migration;
  const [entry] = await store.journal({ migration, ids: [operationId], limit: 1 });
  if (entry && entry.status !== 'aborted') return;
  throw new LockstepError(
    'StoreUnavailable',
    `the ${name} store has neither the prepared branch of transaction ${operationId} nor its writes, and the transaction is to commit; ` +
      'unless a worker is ending it right now, it was rolled back by hand: write its records again, under a new operation id',
    { store: name, operationId },
  );
}
