import {
  isGrpcServiceError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { failureIn } from '../../model/carried-failure.ts';
import { LockstepError } from '../../model/failure.ts';

/** The failure of ours that a workflow answered with; null where the answer itself is missing. */
function answeredFailure(error: unknown): LockstepError | null {
  const isAnswer = error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError;
  return isAnswer ? failureIn(error) : null;
}

/**
 * Asks a workflow. Throws the failure of ours that it answered with; of any other error what `translate` makes of it,
 * or the error itself where that is null.
 */
export async function answerOf<T>(
  ask: () => Promise<T>,
  translate: (error: unknown) => LockstepError | null | Promise<LockstepError | null>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw answeredFailure(error) ?? (await translate(error)) ?? error;
  }
}

/** Runs a workflow of which a migration has one at a time, to its end. */
export function answerOfOnly<T>(what: string, execute: () => Promise<T>): Promise<T> {
  return answerOf(execute, (error) =>
    error instanceof WorkflowExecutionAlreadyStartedError
      ? new LockstepError('AlreadyRunning', `${what} is under way already; wait for it`)
      : null,
  );
}

const [cancelled, deadlineExceeded, resourceExhausted, failedPrecondition, unavailable] = [1, 4, 8, 9, 14];
/** Of a call whose time is over: the client's own clock may be first, between two tries. */
const unanswered = [cancelled, deadlineExceeded, resourceExhausted, failedPrecondition];

/** Nobody took the question within its time, or Temporal knows of nobody who could, or keeps earlier ones that nobody took. */
export function isUnanswered(error: unknown): boolean {
  return unanswered.some((code) => hasStatus(error, code));
}

/** Temporal takes no question for the workflow right now: it is away, or workers were lost, or too slow, several times in a row. */
export function isNotReady(error: unknown): boolean {
  return hasStatus(error, failedPrecondition) || hasStatus(error, unavailable);
}

function hasStatus(error: unknown, code: number): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && cause.code === code;
}

const [notFound, permissionDenied, unauthenticated] = [5, 7, 16];

export function isNotFound(error: unknown): boolean {
  return hasStatus(error, notFound);
}

/** Temporal takes nothing from this account. */
export function isForbidden(error: unknown): boolean {
  return hasStatus(error, permissionDenied) || hasStatus(error, unauthenticated);
}

export function isOfTemporal(error: unknown): boolean {
  return error instanceof ServiceError || isGrpcServiceError(error);
}

/** What Temporal says, as a part of a sentence, without the number of its status. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof ServiceError && error.cause instanceof Error ? error.cause : error;
  const told = cause instanceof Error ? cause.message : String(cause);
  // Of an update with a start, the details are bytes, and the message stands alone.
  const isTwice = isGrpcServiceError(cause) && told.endsWith(`: ${cause.details}`);
  const reason = isTwice ? cause.details : told;
  return reason.replace(/\.$/, '');
}
