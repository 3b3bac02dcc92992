import { type FailureCode, LockstepError } from './failure.ts';

/**
 * Whether an error is one of Lockstep's and, where a code is given, has that code.
 *
 * @example
 * try {
 *   await accounts.update(id, { plan: 'pro' }, { ifUnchangedSince: token });
 * } catch (error) {
 *   if (!isLockstepError(error, 'VersionConflict')) throw error;
 * }
 */
export function isLockstepError<C extends FailureCode = FailureCode>(
  error: unknown,
  code?: C,
): error is LockstepError & { readonly code: C } {
  return error instanceof LockstepError && (code === undefined || error.code === code);
}
