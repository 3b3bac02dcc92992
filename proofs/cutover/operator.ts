import type { Operator } from '../../client/operator/operate.ts';
import type { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Phase } from '../../model/phase.ts';

export type Change = 'advance' | 'rollback';

const phaseAfter: Readonly<Record<Change, Phase>> = { advance: 'switch-primary', rollback: 'switch-reads' };
const patienceMs = 180_000;
const pauseMs = 250;

/** A change that did not come about. */
export class Stuck extends Error {}

/** Changes the primary to and fro, as a person would who tries again when a gate refuses or a server is away. */
export class ChangingOperator {
  readonly #control: Operator['control'];
  /** Why a change had to be asked for again, and how often. */
  readonly refusals = new Map<string, number>();

  constructor(control: Operator['control']) {
    this.#control = control;
  }

  /**
   * Gives the milliseconds of the try that made the change.
   *
   * @param asking is called before each try
   */
  async make(change: Change, asking: () => void): Promise<number> {
    const giveUpAt = Date.now() + patienceMs;
    let [last, askedAt, wantsEvidence] = ['no answer', performance.now(), false];
    while (Date.now() < giveUpAt) {
      try {
        const { phase, busy, validating, evidence } = await this.#control.status();
        if (phase === phaseAfter[change] && busy === null) return performance.now() - askedAt;
        if (busy === null && !validating) {
          // Each change forward asks for evidence, which a rollback has voided.
          if (change === 'advance' && (wantsEvidence || evidence === null)) {
            wantsEvidence = false;
            await this.#control.startValidation({ sample: null, seed: 1 });
          } else {
            askedAt = performance.now();
            asking();
            await this.#control.send(change);
          }
          continue;
        }
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        last = reasonOf(change, error);
        this.refusals.set(last, (this.refusals.get(last) ?? 0) + 1);
        wantsEvidence = isAboutEvidence(error);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    throw new Stuck(`${change} did not come about within ${patienceMs} ms: ${last}`);
  }
}

function isAboutEvidence(error: Error): boolean {
  if (!isLockstepError(error, 'GateRefused')) return false;
  const { measured } = (error as LockstepError).details;
  return ['differences', 'evidence', 'upperBound'].some((name) => measured && name in measured);
}

/** Without what is measured, so that alike ones are counted together. */
function reasonOf(change: Change, error: Error): string {
  const code = isLockstepError(error) ? error.code : error.name;
  const why = error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
  return `${change}: ${code}: ${why.replaceAll(/\d+/g, 'n').slice(0, 250)}`;
}
