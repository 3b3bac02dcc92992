import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import { type DurableState, routeFreshMs, routeLeaseMs } from '../../model/phase.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { lateRead } from './store-breaker.ts';

/** How often a route that is being changed is asked for again. */
export const reopenPollMs = 250;

/**
 * The durable route, as of about a second ago while there is traffic. An old one does little harm: the stores' fences turn
 * writes away, and reads may carry a token. After its lease it serves no more, so that the workflow knows by when every
 * service has heard of a change.
 */
export class RouteCache {
  readonly #open: OpenMigration;
  readonly #elapsed: () => number;
  #known: { state: DurableState; at: number } | null = null;
  #asking: Promise<DurableState> | null = null;

  /** @param elapsed milliseconds of a clock that nobody sets: a wall clock may step back, and an old route would stay */
  constructor(open: OpenMigration, elapsed: () => number = () => performance.now()) {
    this.#open = open;
    this.#elapsed = elapsed;
  }

  /** The route while it needs no asking; null elsewhere. */
  fresh(): DurableState | null {
    const known = this.#known;
    return known && this.#elapsed() - known.at < routeFreshMs ? known.state : null;
  }

  /** Throws `StoreUnavailable` where the lease is over and neither store can be asked. */
  async current(): Promise<DurableState> {
    const fresh = this.fresh();
    if (fresh) return fresh;
    const known = this.#known;
    const age = known ? this.#elapsed() - known.at : Number.POSITIVE_INFINITY;
    this.#asking ??= this.#ask();
    if (!known || age >= routeLeaseMs) return await this.#asking;
    // While the stores are asked, which may take long when one is down, the last answer serves.
    this.#asking.catch(() => undefined);
    return known.state;
  }

  /** As `current`, but for no longer than so many milliseconds, and without a promise where nothing has to be asked. */
  within(limitMs: number): DurableState | Promise<DurableState> {
    return this.fresh() ?? withinLimit(this.current(), limitMs, () => lateRead('both stores', limitMs));
  }

  /** A store has said that the route is another: the next caller waits for it. */
  forget(): void {
    this.#known = null;
  }

  async #ask(): Promise<DurableState> {
    // From before they are asked: the answer may be as old as that.
    const at = this.#elapsed();
    try {
      const state = await currentState(this.#open);
      this.#known = { state, at };
      return state;
    } finally {
      this.#asking = null;
    }
  }
}
