import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import type { DurableState } from '../../model/phase.ts';

const freshMs = 1_000;
/** Longer than an answer of a store that hangs takes. */
const usableMs = 30_000;

/**
 * The durable route, as of about a second ago while there is traffic. An old one does little harm: the stores' fences turn
 * writes away, and reads may carry a token. Where neither store can be asked, the last known route serves.
 */
export class RouteCache {
  readonly #open: OpenMigration;
  readonly #now: () => number;
  #known: { state: DurableState; at: number } | null = null;
  #asking: Promise<DurableState> | null = null;

  constructor(open: OpenMigration, now: () => number) {
    this.#open = open;
    this.#now = now;
  }

  async current(): Promise<DurableState> {
    if (this.#known && this.#now() - this.#known.at < freshMs) return this.#known.state;
    this.#asking ??= this.#ask();
    // While the stores are asked, which may take long when one is down, the last answer serves, unless it is an old one.
    const known = this.#known;
    if (!known) return await this.#asking;
    const asking = this.#asking.catch(() => known.state);
    return this.#now() - known.at < usableMs ? known.state : await asking;
  }

  async #ask(): Promise<DurableState> {
    try {
      const state = await currentState(this.#open);
      this.#known = { state, at: this.#now() };
      return state;
    } finally {
      this.#asking = null;
    }
  }
}
