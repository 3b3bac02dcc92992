import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { LockstepError } from '../model/failure.ts';

/** Around every activity of a worker, local ones too: failures cross the process boundary with code, details and retryability. */
export const carryFailures: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        throw error instanceof LockstepError ? failureOf(error) : error;
      }
    },
  },
});

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
