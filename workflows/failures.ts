import { ApplicationFailure, TemporalFailure } from '@temporalio/workflow';
import { type FailureCode, type FailureDetails, failureCodes, isFailureCode } from '../model/failure.ts';

/** A failure of ours, as workflow failure or as answer of an update. */
export function failure(
  code: FailureCode,
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

/** The failure of ours inside an activity's (or behind its timeout), or null where something else went wrong. */
export function failureIn(
  error: unknown,
): { code: FailureCode; message: string; details: FailureDetails } | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof ApplicationFailure) || !isFailureCode(cause.type)) continue;
    const [details] = (cause.details ?? []) as [FailureDetails?];
    return { code: cause.type, message: cause.message, details: details ?? {} };
  }
  return null;
}

/** For people: our own message, or that of the innermost failure. */
export function messageOf(error: unknown): string {
  const known = failureIn(error);
  if (known) return known.message;
  let innermost = error;
  while (innermost instanceof TemporalFailure && innermost.cause instanceof Error)
    innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : 'unknown failure';
}
