import { CompleteAsyncError } from '@temporalio/activity';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { LockstepError } from '../model/failure.ts';
import { unforeseen } from '../model/unforeseen.ts';

/**
 * Around every activity of a worker, local ones too: failures cross the process boundary with code, details and retryability; errors that are
 * none of ours without their text.
 */
export const carryFailures: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        throw error instanceof LockstepError ? failureOf(error) : withoutText(error);
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

/** Of an error that nobody has foreseen: what it is and where it was thrown. Its text may quote a row, a key or a statement. */
function withoutText(error: unknown): unknown {
  if (!(error instanceof Error)) return new TypeError(unforeseen(error).message);
  const isTemporals = error instanceof TemporalFailure || error instanceof CompleteAsyncError;
  if (isTemporals || error.name === 'AbortError') return error;
  const { type, message, frames } = unforeseen(error);
  const failure = ApplicationFailure.create({ type, message });
  failure.stack = frames;
  return failure;
}
