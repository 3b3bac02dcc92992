import { ApplicationFailure } from '@temporalio/common';
import { LockstepError } from '../model/failure.ts';

/** Wraps every activity so that our failures cross the process boundary with their code, remedy and retryability. */
export function carryingFailures<A extends Record<string, (...args: never[]) => Promise<unknown>>>(
  activities: A,
): A {
  const wrapped = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...args: never[]) => {
      try {
        return await activity(...args);
      } catch (error) {
        throw error instanceof LockstepError ? failureOf(error) : error;
      }
    },
  ]);
  return Object.fromEntries(wrapped) as A;
}

/** @param pauseMs until the next try; without it the retry policy of the caller says */
export function failureOf(error: LockstepError, pauseMs?: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: !error.retryable,
    details: [error.details],
    ...(pauseMs === undefined ? {} : { nextRetryDelay: pauseMs }),
  });
}
