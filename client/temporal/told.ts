import { LockstepError } from '../../model/failure.ts';
import { unforeseen } from '../../model/unforeseen.ts';
import { isOfTemporal, reasonOf } from './failures.ts';

/** What is said of an error, in a log or to an operator: what Lockstep and Temporal say of it, of any other what it is. */
export function toldOf(error: unknown): string {
  if (error instanceof LockstepError) return error.message;
  return isOfTemporal(error) ? reasonOf(error) : unforeseen(error).message;
}
