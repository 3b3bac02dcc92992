import type { Store } from '../../databases/contract/store.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { withinLimit } from '../../model/time-limit.ts';

/** So many reads in a row must have been late before a store is left alone, and so long, in milliseconds, it is then. */
const lateInARow = 5;
const leftAloneMs = 5_000;

/**
 * Reads wait for a store no longer than their limit. One that was late again and again is left alone for a while, so that not
 * every read has to wait for it; then one read tries it.
 */
export class StoreBreaker {
  readonly #limitMs: number;
  readonly #elapsed: () => number;
  readonly #late = new Map<StoreName, { count: number; until: number }>();

  constructor(limitMs: number, elapsed: () => number = () => performance.now()) {
    this.#limitMs = limitMs;
    this.#elapsed = elapsed;
  }

  /** Whether reads of this store fail at once. */
  isLeftAlone(name: StoreName): boolean {
    const late = this.#late.get(name);
    return late !== undefined && late.count >= lateInARow && this.#elapsed() < late.until;
  }

  /** Throws `StoreUnavailable` where the store does not answer within the limit, or is left alone. */
  async ask<T>({ name, address }: Pick<Store, 'name' | 'address'>, read: () => Promise<T>): Promise<T> {
    const late = this.#late.get(name) ?? { count: 0, until: 0 };
    const now = this.#elapsed();
    const who = `the ${name} store (${address})`;
    if (late.count >= lateInARow) {
      if (now < late.until) throw lateRead(who, this.#limitMs, name);
      // One read tries it; the others go on as before until that has an answer.
      this.#late.set(name, { ...late, until: now + leftAloneMs });
    }
    let expired: LockstepError | null = null;
    try {
      const answer = await withinLimit(read(), this.#limitMs, () => {
        expired = lateRead(who, this.#limitMs, name);
        return expired;
      });
      this.#late.delete(name);
      return answer;
    } catch (error) {
      // Whatever else is wrong, it has answered.
      if (error !== expired) this.#late.delete(name);
      else
        this.#late.set(name, {
          count: (this.#late.get(name)?.count ?? 0) + 1,
          until: this.#elapsed() + leftAloneMs,
        });
      throw error;
    }
  }
}

/** The failure of a read that a store, or both, did not answer in time. */
export function lateRead(who: string, limitMs: number, store?: StoreName): LockstepError {
  return new LockstepError(
    'StoreUnavailable',
    `${who} did not answer a read within ${limitMs} ms; look at the server and the network, or raise readTimeoutMs of connect`,
    store ? { store } : {},
  );
}
