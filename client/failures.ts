import { ServiceError, WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { type FailureDetails, isFailureCode, LockstepError } from '../model/failure.ts';

/** The failure of ours that a workflow answered with; null where the answer itself is missing. */
export function answeredFailure(error: unknown): LockstepError | null {
  if (!(error instanceof WorkflowUpdateFailedError) && !(error instanceof WorkflowFailedError)) return null;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof ApplicationFailure) || !isFailureCode(cause.type)) continue;
    const [details] = (cause.details ?? []) as [FailureDetails?];
    return new LockstepError(cause.type, cause.message, details ?? {});
  }
  return null;
}

/** The innermost message of Temporal's, for a remedy. */
export function reasonOf(error: unknown): string {
  if (error instanceof ServiceError && error.cause instanceof Error) return error.cause.message;
  return error instanceof Error ? error.message : String(error);
}
