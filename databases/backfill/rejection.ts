import { isAboutAll, type StoreFailure } from '../contract/write.ts';
import type { Access } from '../sql/context.ts';

/** Whether the database ended the transaction for another's sake: it is tried again from its beginning. */
export function isTransient({ engine }: Access, error: unknown): boolean {
  return engine.isDeadlock(error) || engine.bulk.gaveWay(error);
}

/** Why rows were rejected. Throws what says nothing about a row: the store is away, full or not prepared, or in a deadlock. */
export function rejectionOf(access: Access, error: unknown): StoreFailure {
  if (isTransient(access, error)) throw error;
  const failure = access.failureOf(error);
  if (isAboutAll(failure)) throw error;
  return failure;
}
