import { LockstepError } from './failure.ts';
import type { FailureCode } from './failure-codes.ts';

/**
 * Whether an error is one of Lockstep's; with a code, whether it is that one.
 *
 * @example
 * try {
 *   await account.create(value);
 * } catch (error) {
 *   if (!isLockstepError(error, 'AlreadyExists')) throw error;
 * }
 */
export function isLockstepError(error: unknown): error is LockstepError;
export function isLockstepError<C extends FailureCode>(
  error: unknown,
  code: C,
): error is LockstepError & { readonly code: C };
export function isLockstepError(error: unknown, code?: FailureCode): boolean {
  return error instanceof LockstepError && (code === undefined || error.code === code);
}

/** Whether the same call, sent again as it is, may succeed later. */
export function isRetryable(error: unknown): error is LockstepError {
  return error instanceof LockstepError && error.retryable;
}

/** For `catch`, where a store that is unavailable leaves nothing to tell. */
export function nullWhereUnavailable(error: unknown): null {
  if (isLockstepError(error, 'StoreUnavailable')) return null;
  throw error;
}
