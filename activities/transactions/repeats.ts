import { isSound, type JournalEntry } from '../../databases/contract/journal.ts';
import type { Store } from '../../databases/contract/store.ts';
import { isSameWrite } from '../../model/operation.ts';
import { operationIdAt, type Transaction } from '../../model/transaction.ts';

/** What a journal has under the ids of a transaction, and under one more: another transaction that has its id may be longer. */
export async function journalOf(
  store: Pick<Store, 'journal'>,
  migration: string,
  { id, operations }: Transaction,
): Promise<readonly JournalEntry[]> {
  const ids = Array.from({ length: operations.length + 1 }, (_, at) => operationIdAt(id, at));
  return await store.journal({ migration, ids, limit: ids.length });
}

/**
 * Whether these are other writes than those of a transaction with the same id: then it is no repeat, and none of it was written. What is not
 * there says nothing, because a branch may not be committed yet; nor does an entry that is not as Lockstep writes it.
 */
export function isOther(entries: readonly JournalEntry[], { id, operations }: Transaction): boolean {
  const wanted = new Map(operations.map((operation, at) => [operationIdAt(id, at), operation]));
  return entries.filter(isSound).some((entry) => {
    const operation = wanted.get(entry.id);
    return !operation || !isSameWrite(entry, operation);
  });
}
