import { type ApplicationFailure, allHandlersFinished, condition } from '@temporalio/workflow';
import { failureIn } from '../../model/carried-failure.ts';
import { failure } from '../failures.ts';

type Answer<Receipt> = { readonly receipt: Receipt } | { readonly failed: ApplicationFailure };

/** What the caller who waits is told. The first answer is the one: what comes to light later is no longer the caller's. */
export class Acknowledgement<Receipt> {
  #answer: Answer<Receipt> | null = null;

  give(receipt: Receipt): void {
    this.#answer ??= { receipt };
  }

  refuse(failed: ApplicationFailure): void {
    this.#answer ??= { failed };
  }

  /** Throws what came before anything was begun, after those who wait have heard it. */
  async failed(error: unknown): Promise<never> {
    const known = failureIn(error);
    if (!known) throw error;
    const refused = failure(known.code, known.message, known.details);
    this.refuse(refused);
    await condition(allHandlersFinished);
    throw refused;
  }

  /**
   * Waits for the answer; throws the failure where it is one. Whoever asks later is answered at once: a condition is looked at after all that a
   * task brings, and a replay may bring what came in several tasks in one, so that the answer would come in another place.
   */
  async answered(): Promise<Receipt> {
    if (this.#answer === null) await condition(() => this.#answer !== null);
    if (this.#answer === null) throw new TypeError('a condition that holds was given up');
    if ('failed' in this.#answer) throw this.#answer.failed;
    return this.#answer.receipt;
  }
}
