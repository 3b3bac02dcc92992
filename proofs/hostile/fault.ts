import { WorkflowFailedError } from '@temporalio/client';
import { failureIn } from '../../model/carried-failure.ts';
import { isFailureCode } from '../../model/failure-codes.ts';
import { secret } from './unsound.ts';

/** What is wrong with an answer to something that was sent. */
export type Fault = 'stuck' | 'retried' | 'accepted' | 'leak' | 'untyped';

export interface Finding {
  readonly fault: Fault;
  readonly what: string;
}

/** What is wrong with how something is refused; null where nothing is. */
export async function faultOf(answer: Promise<unknown>): Promise<Fault | null> {
  const { result, error } = await answer.then(
    (found) => ({ result: found, error: null }),
    (reason: unknown) => ({ result: null, error: reason }),
  );
  if (error === null) return faultOfAnswers(result);
  const failure = failureIn(error);
  const texts = [failure?.message, failure?.details, error instanceof WorkflowFailedError && error.cause];
  if (JSON.stringify(texts).includes(secret) || String(error).includes(secret)) return 'leak';
  return failure === null ? 'untyped' : null;
}

/** Many saves have an answer each. */
function faultOfAnswers(result: unknown): Fault | null {
  const answers = Array.isArray(result) ? (result as readonly { status?: unknown; code?: unknown }[]) : [];
  if (answers.length === 0 || answers.some(({ status }) => status !== 'failed')) return 'accepted';
  if (JSON.stringify(answers).includes(secret)) return 'leak';
  return answers.every(({ code }) => isFailureCode(code)) ? null : 'untyped';
}
