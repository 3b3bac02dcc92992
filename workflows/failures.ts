import { ActivityFailure, ApplicationFailure, TemporalFailure, TimeoutFailure } from '@temporalio/workflow';
import { failureIn } from '../model/carried-failure.ts';
import type { FailureDetails } from '../model/failure.ts';
import { type AnyFailureCode, failureCodes } from '../model/failure-codes.ts';

/** A failure of ours, as workflow failure or as answer of an update. */
export function failure(
  code: AnyFailureCode,
  message: string,
  details: FailureDetails = {},
): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: !failureCodes[code].retryable,
    details: [details],
  });
}

/** For people: our own message, or that of the innermost failure. */
export function messageOf(error: unknown): string {
  const known = failureIn(error);
  if (known) return known.message;
  let innermost = error;
  while (innermost instanceof TemporalFailure && innermost.cause instanceof Error) {
    const { cause } = innermost;
    if (innermost instanceof ActivityFailure && cause instanceof TimeoutFailure)
      return `${innermost.activityType} was not over within its time limit (${cause.timeoutType}); look whether both stores and a worker answer`;
    innermost = cause;
  }
  return innermost instanceof Error ? innermost.message : 'unknown failure';
}
