import { isAboutAll, type StoreFailure } from '../contract/write.ts';
import type { StoreContext } from '../sql/context.ts';

/** Whether the database ended the transaction for another's sake: it is tried again from its beginning. */
export function isTransient({ engine }: StoreContext, error: unknown): boolean {
  return engine.isDeadlock(error) || engine.bulk.isLockConflict(error);
}

/**
 * Why rows were rejected. Throws what says nothing about a row: the store is unavailable, full or not prepared, or in a
 * deadlock.
 */
export function rejectionOf(context: StoreContext, error: unknown): StoreFailure {
  if (isTransient(context, error)) throw error;
  const failure = context.failureOf(error);
  if (isAboutAll(failure)) throw error;
  return failure;
}
