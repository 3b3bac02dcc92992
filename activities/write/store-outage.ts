import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Policy } from '../../model/policy.ts';
import { failureOf } from '../failures.ts';

/**
 * How long a store has not answered this worker. Its pending writes grow in number while it is unavailable; if each of
 * them tried as often as a single one may, their tries would take the time of callers who are waiting.
 */
export class StoreOutage {
  readonly #policy: Pick<Policy, 'secondaryRetryMs' | 'secondaryRetryMaxMs'>;
  readonly #now: () => number;
  readonly #since = new Map<StoreName, number>();

  constructor(policy: Pick<Policy, 'secondaryRetryMs' | 'secondaryRetryMaxMs'>, now = Date.now) {
    this.#policy = policy;
    this.#now = now;
  }

  /** While the store is unavailable, the pause before the next attempt grows for all writes together. */
  async backOff<T>(store: StoreName, work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      this.ended(store);
      return done;
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable') || error.details.store !== store) throw error;
      throw failureOf(error, this.pauseMs(store));
    }
  }

  isOn(store: StoreName): boolean {
    return this.#since.has(store);
  }

  ended(store: StoreName): void {
    this.#since.delete(store);
  }

  /**
   * The pause before the next try, in milliseconds: about as long as the store has been unavailable, and not the same
   * for all.
   */
  pauseMs(store: StoreName): number {
    const since = this.#since.get(store) ?? this.#now();
    this.#since.set(store, since);
    const { secondaryRetryMs: least, secondaryRetryMaxMs: most } = this.#policy;
    const pause = (this.#now() - since) * (0.5 + Math.random() / 2);
    return Math.round(Math.max(least, Math.min(pause, most)));
  }
}

export function doesNotAnswer(store: StoreName): LockstepError {
  return new LockstepError('StoreUnavailable', `the ${store} store does not answer for now`, { store });
}
