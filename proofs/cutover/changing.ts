import { Random } from '../../examples/orders/random.ts';
import type { ProofEnvironment } from '../account/environment.ts';
import type { Conditions } from '../report.ts';
import { type Change, ChangingOperator, Stuck } from './operator.ts';
import { reached, type Step, steps } from './steps.ts';
import { type Absence, type Strike, strikeWith } from './strikes.ts';

const strikeShare = 0.5;

/** One change of the primary. */
export interface Changed {
  readonly change: Change;
  readonly ms: number;
  readonly struck: { readonly victim: Absence['victim']; readonly step: Step } | null;
}

/** Goes to and fro, and takes something away in some of the changes. */
export class Changing {
  readonly operator: ChangingOperator;
  readonly changed: Changed[] = [];
  readonly absences: Absence[] = [];
  readonly #environment: ProofEnvironment;
  readonly #strikes: readonly Strike[];
  readonly #random: Random;
  readonly #note: Conditions['note'];

  constructor(environment: ProofEnvironment, strikes: readonly Strike[], { seed, note }: Conditions) {
    this.operator = new ChangingOperator(environment.lockstep.control);
    this.#environment = environment;
    this.#strikes = strikes;
    this.#random = new Random(seed + 2);
    this.#note = note;
  }

  /**
   * Gives why it came to an end too soon; null where it did not.
   *
   * @param fixed how many of the first changes are struck, one victim after the other; null draws which
   */
  async run(wanted: number, fixed: number | null, changed: () => void): Promise<string | null> {
    for (let number = 0; number < wanted; number++) {
      await pause(this.#random.between(300, 1_500));
      const change = number % 2 === 0 ? 'advance' : 'rollback';
      const isStruck = fixed === null ? this.#random.chance(strikeShare) : number >= 1 && number <= fixed;
      const struck = this.changed.filter((one) => one.struck !== null).length;
      const strike = this.#strikes[struck % this.#strikes.length];
      const step = this.#random.pick(steps);
      const delayMs = this.#random.between(0, 200);
      const awayMs = this.#random.between(0, 1_500);
      try {
        const ms = await this.#one(change, isStruck && strike ? { strike, step, delayMs, awayMs } : null);
        this.changed.push({
          change,
          ms,
          struck: isStruck && strike ? { victim: strike.victim, step } : null,
        });
        const what = isStruck && strike ? `, ${strike.victim} taken away once ${step}` : '';
        this.#note(`${number + 1} of ${wanted}: ${change} in ${Math.round(ms)} ms${what}`);
        changed();
      } catch (error) {
        if (!(error instanceof Stuck)) throw error;
        return error.message;
      }
    }
    return null;
  }

  async #one(
    change: Change,
    blow: { strike: Strike; step: Step; delayMs: number; awayMs: number } | null,
  ): Promise<number> {
    let isOver = false;
    const asked = Promise.withResolvers<void>();
    const striking = (async () => {
      if (!blow) return;
      await asked.promise;
      const from = change === 'advance' ? 'legacy' : 'modern';
      await reached(blow.step, from, this.#environment.direct, () => isOver);
      await pause(blow.delayMs);
      this.absences.push(await strikeWith(blow.strike, blow.awayMs));
    })();
    try {
      return await this.operator.make(change, asked.resolve);
    } finally {
      isOver = true;
      asked.resolve();
      await striking;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
