import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { routes } from '../../model/phase.ts';
import { ignoreExpected } from './expected-failure.ts';
import { overloaded } from './overloaded.ts';
import type { RouteCache } from './route-cache.ts';

/** How often the journal is asked, at the most. */
const freshMs = 1_000;
/** Counting may take a while where much is owed; it takes no more than this share of the time. */
const maxShare = 0.05;

interface OwedBoundParts extends OpenMigration {
  readonly routes: RouteCache;
}

/**
 * Keeps what the other store is owed within `write.maxOwed`, as of a second ago: beyond it, nothing is taken that makes more of it. What
 * this process has added since is counted; what others add meanwhile may come on top.
 */
export class OwedBound {
  readonly #parts: OwedBoundParts;
  #owed = 0;
  /** Taken by this process since the journal was asked. */
  #added = 0;
  /** Whether another store follows, and is owed anything. */
  #isOwed = true;
  #freshUntil = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;
  #hasLooked = false;

  constructor(parts: OwedBoundParts) {
    this.#parts = parts;
  }

  /** Takes room for so many; throws `Overloaded` where there is none. Only the first caller waits, for a look; null where nobody does. */
  take(count: number): Promise<void> | null {
    if (performance.now() >= this.#freshUntil) {
      const look = this.#lookOnce();
      if (!this.#hasLooked) return look.then(() => this.#add(count));
      look.catch(ignoreExpected);
    }
    this.#add(count);
    return null;
  }

  #add(count: number): void {
    const { maxOwed } = this.#parts.migration.policy;
    const owed = this.#owed + this.#added;
    if (!this.#isOwed) return;
    if (owed >= maxOwed)
      throw overloaded(`${owed} writes are owed to the other store, and write.maxOwed is ${maxOwed}`, {
        owed,
      });
    this.#added += count;
  }

  /** Resolves when at most half of what is allowed is owed. */
  async whenReady(): Promise<void> {
    while (this.#owed + this.#added > this.#parts.migration.policy.maxOwed / 2) {
      await new Promise((resolve) => setTimeout(resolve, freshMs));
      await this.#lookOnce();
    }
  }

  async #lookOnce(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { migration, stores, routes: known } = this.#parts;
    const began = performance.now();
    const before = this.#added;
    const state = await known.current().catch(nullWhereUnavailable);
    const backlog = state
      ? await stores[routes[state.phase].primary].journalBacklog(migration.name).catch(nullWhereUnavailable)
      : null;
    const ended = performance.now();
    this.#freshUntil = ended + Math.max(freshMs, (ended - began) / maxShare);
    // A primary that does not answer takes no writes either.
    if (!state || !backlog) return;
    this.#isOwed = routes[state.phase].secondary !== null;
    this.#owed = backlog.pending;
    this.#added -= before;
    this.#hasLooked = true;
  }
}
