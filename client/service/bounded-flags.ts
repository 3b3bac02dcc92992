import type { DurableState } from '../../model/phase.ts';
import { withinLimit } from '../../model/time-limit.ts';
import type { FlagAnswers } from './counts.ts';
import { createDurableFlags, type Flags } from './flags.ts';

class FlagTimedOut extends Error {}

/**
 * Asks whoever decides, but waits no longer than the limit. Where no answer comes, or none that is true or false, the shares
 * of the durable state decide, and the reason is counted.
 */
export class BoundedFlags implements Flags {
  readonly #flags: Flags;
  readonly #limitMs: number;
  readonly #answers: FlagAnswers;

  constructor(flags: Flags, limitMs: number, answers: FlagAnswers) {
    this.#flags = flags;
    this.#limitMs = limitMs;
    this.#answers = answers;
  }

  async writesModern(entity: string, key: string, state: DurableState): Promise<boolean> {
    return await this.#ask('writesModern', entity, key, state);
  }

  /** At 100 % there is nothing left open: all reads are modern, whatever a provider would say. */
  async readsModern(entity: string, key: string, state: DurableState): Promise<boolean> {
    if (state.readPercent === 100) return true;
    return await this.#ask('readsModern', entity, key, state);
  }

  async #ask(question: keyof Flags, entity: string, key: string, state: DurableState): Promise<boolean> {
    try {
      const asked = async (): Promise<unknown> => await this.#flags[question](entity, key, state);
      const answer = await withinLimit(asked(), this.#limitMs, () => new FlagTimedOut());
      if (typeof answer === 'boolean') {
        this.#answers.count('answered');
        return answer;
      }
      this.#answers.count('invalid');
    } catch (error) {
      this.#answers.count(error instanceof FlagTimedOut ? 'timedOut' : 'failed');
    }
    return await createDurableFlags[question](entity, key, state);
  }
}
