import type { Store } from '../../databases/contract/store.ts';
import { isSameWrite } from '../../model/operation.ts';
import { operationIdAt, type Transaction } from '../../model/transaction.ts';

/**
 * Whether the journal has other writes under the ids of a transaction: then it is no repeat, and none of it was written. What is not in the
 * journal says nothing, because a branch may not be committed yet.
 */
export async function isOtherInJournal(
  store: Pick<Store, 'journal'>,
  migration: string,
  { id, operations }: Transaction,
): Promise<boolean> {
  // One more: the transaction that has the id may be longer.
  const wanted = new Map(
    Array.from(
      { length: operations.length + 1 },
      (_, at) => [operationIdAt(id, at), operations[at]] as const,
    ),
  );
  const entries = await store.journal({ migration, ids: [...wanted.keys()], limit: wanted.size });
  return entries.some((entry) => {
    const operation = wanted.get(entry.id);
    return !operation || !isSameWrite(entry, operation);
  });
}
