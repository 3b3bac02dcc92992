import { CompleteAsyncError } from '@temporalio/activity';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { LockstepError } from '../model/failure.ts';

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
  if (!(error instanceof Error)) return new TypeError('something was thrown that is no error');
  const isTemporals = error instanceof TemporalFailure || error instanceof CompleteAsyncError;
  if (isTemporals || error.name === 'AbortError') return error;
  const type = nameIn(error.name) ?? 'Error';
  const code = 'code' in error ? nameIn(String(error.code)) : null;
  const failure = ApplicationFailure.create({
    type,
    message: `an unexpected ${type}${code === null ? '' : ` (${code})`}; its text stays out, because it may quote a row`,
  });
  failure.stack = framesOf(error);
  return failure;
}

/** A class, an SQLSTATE or a number. */
function nameIn(text: string): string | null {
  return /^\w{1,60}$/.test(text) ? text : null;
}

/** A stack begins with the text, which may have lines that look like frames. */
function framesOf({ name, message, stack = '' }: Error): string {
  const head = message === '' ? name : `${name}: ${message}`;
  return stack.startsWith(head) ? stack.slice(head.length).trimStart() : '';
}
