import { aroundCalls } from '../databases/contract/around-calls.ts';
import type { Store, Stores } from '../databases/contract/store.ts';
import { LockstepError, type StoreName } from '../model/failure.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';

/** Counted in these, and not by the clock: a process that stood still has heard nothing either. */
const tickMs = 250;
/** Without an answer for so many of them, a store is asked for one, and is away. */
const askAfter = 2;
const awayAfter = 12;

/** What is asked of a store to know whether it is there. */
type Asked = Pick<Store, 'name' | 'address' | 'ping'>;

interface Known {
  readonly store: Asked;
  /** Ticks since its last answer. */
  silent: number;
  away: boolean;
  asking: boolean;
  /** What the last question for a sign of life failed with; null where it has no answer yet. */
  failure: LockstepError | null;
  /** End the calls that wait for it. */
  readonly waiting: Set<(error: LockstepError) => void>;
}

/**
 * Knows which stores answer this worker. One that has not answered for three seconds is away: what waits for it fails, and what
 * needs it fails at once, so that a worker that is cut off leaves its work to others.
 */
export class Reach {
  readonly #known: ReadonlyMap<StoreName, Known>;
  readonly #log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly #changed = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  /** @param stores are asked for a sign of life while they are silent, from `start` on */
  constructor(
    stores: Readonly<Record<StoreName, Asked>>,
    log: (message: string, fields: Readonly<Record<string, unknown>>) => void,
  ) {
    this.#known = new Map(
      [stores.legacy, stores.modern].map((store) => [
        store.name,
        { store, silent: 0, away: false, asking: false, failure: null, waiting: new Set() },
      ]),
    );
    this.#log = log;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  isAway(name: StoreName): boolean {
    return this.#of(name).away;
  }

  /** `listener` is called whenever a store goes away or comes back. */
  onChange(listener: () => void): void {
    this.#changed.add(listener);
  }

  /**
   * Throws `StoreUnavailable` where the store is away, or goes away before it has answered.
   *
   * @param isStatement whether an answer can come from nobody but the store
   */
  async ask<T>(name: StoreName, call: () => Promise<T>, isStatement = false): Promise<T> {
    const known = this.#of(name);
    if (known.away) throw isAway(known);
    const { promise: lost, reject } = Promise.withResolvers<never>();
    known.waiting.add(reject);
    try {
      const answer = await Promise.race([call(), lost]);
      if (isStatement) this.#heard(known);
      return answer;
    } finally {
      known.waiting.delete(reject);
    }
  }

  #tick(): void {
    for (const known of this.#known.values()) {
      known.silent += 1;
      if (known.silent >= askAfter && !known.asking) void this.#askForSign(known);
      if (known.silent >= awayAfter) this.#set(known, true);
    }
  }

  async #askForSign(known: Known): Promise<void> {
    known.asking = true;
    try {
      await known.store.ping();
      this.#heard(known);
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable')) known.failure = error;
      else this.#heard(known);
    } finally {
      known.asking = false;
    }
  }

  #heard(known: Known): void {
    known.silent = 0;
    known.failure = null;
    this.#set(known, false);
  }

  #set(known: Known, away: boolean): void {
    if (known.away === away) return;
    known.away = away;
    const { store, waiting } = known;
    if (away)
      this.#log('a store does not answer this worker', { store: store.name, reason: isAway(known).message });
    else this.#log('a store answers this worker again', { store: store.name });
    if (away) for (const end of waiting) end(isAway(known));
    for (const listener of this.#changed) listener();
  }

  #of(name: StoreName): Known {
    const known = this.#known.get(name);
    if (!known) throw new TypeError(`there is no store ${name}`);
    return known;
  }
}

/** Stores whose calls end where the store is away. */
export function withReach(stores: Stores, reach: Reach): Stores {
  return { legacy: reachedStore(stores.legacy, reach), modern: reachedStore(stores.modern, reach) };
}

/** Other calls may be answered by what this process remembers, and then say nothing of the store. */
const statements: readonly (string | symbol)[] = [
  'read',
  'readState',
  'write',
  'writeState',
  'journal',
] satisfies (keyof Store)[];

function reachedStore(store: Store, reach: Reach): Store {
  return aroundCalls(store, (call, name) => reach.ask(store.name, call, statements.includes(name)));
}

function isAway({ store: { name, address }, failure }: Known): LockstepError {
  return new LockstepError(
    'StoreUnavailable',
    failure?.message ??
      `the ${name} store (${address}) does not answer this worker; look at the server, and at the network between them`,
    { store: name, ...(failure?.details ?? {}) },
  );
}
