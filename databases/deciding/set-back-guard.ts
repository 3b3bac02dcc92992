import type { LockstepError, StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Version } from '../../model/version.ts';
import type { OpenMigration } from '../contract/current-state.ts';
import { judgeStores, type SetBack, setBackFailure, setBackReason } from '../contract/set-back.ts';
import type { Store, Stores } from '../contract/store.ts';

/**
 * Keeps writes out of a primary that was set back. It would decide them by rows that are not the newest, and replace what the
 * other store has of them.
 */
export class SetBackGuard {
  readonly #open: OpenMigration;
  /** The highest mark that this process has heard of. */
  readonly #remembered = new Map<StoreName, Version>();
  readonly #failures = new Map<StoreName, number>();
  /** How often each store had been lost when it was looked at. */
  #lookedAt: ReadonlyMap<StoreName, number> = new Map();
  #reasons: ReadonlyMap<StoreName, string> = new Map();
  #unavailable: ReadonlyMap<StoreName, LockstepError> = new Map();
  #looking: Promise<unknown> | null = null;

  constructor(open: OpenMigration) {
    this.#open = open;
  }

  /** Asks the stores, and remembers the answer for the writes that follow. */
  async look(): Promise<readonly SetBack[]> {
    const lost = new Map((['legacy', 'modern'] as const).map((store) => [store, this.#losses(store)]));
    const { setBack, unavailable } = await judgeStores(this.#open, this.#remembered);
    // What could not be judged may be back in the next moment, from a backup.
    for (const store of unavailable.keys()) lost.delete(store);
    this.#reasons = new Map(setBack.map((one) => [one.store, setBackReason(one)]));
    this.#unavailable = unavailable;
    this.#lookedAt = lost;
    return setBack;
  }

  /** Runs a write that the store decides; throws `StoreUnavailable` where it was set back, or cannot be asked. */
  async decide<T>(store: StoreName, write: () => Promise<T>): Promise<T> {
    // A store that was lost may have come back from a backup. Every write waits for the look, the first as the others.
    while (this.#lookedAt.get(store) !== this.#losses(store)) {
      await this.#lookOnce();
      const unavailable = this.#unavailable.get(store);
      if (unavailable) throw unavailable;
    }
    const reason = this.#reasons.get(store);
    if (reason !== undefined) throw setBackFailure(store, reason, 'takes no writes');
    try {
      return await write();
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable'))
        this.#failures.set(store, (this.#failures.get(store) ?? 0) + 1);
      throw error;
    }
  }

  /** Grows with each connection that broke, in use or idle, and each failed write. */
  #losses(store: StoreName): number {
    return this.#open.stores[store].lostConnections() + (this.#failures.get(store) ?? 0);
  }

  async #lookOnce(): Promise<void> {
    this.#looking ??= this.look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }
}

/** Stores whose live writes are kept out where they were set back. */
export function withSetBackGuard(stores: Stores, guard: SetBackGuard): Stores {
  return { legacy: guardedStore(stores.legacy, guard), modern: guardedStore(stores.modern, guard) };
}

function guardedStore(store: Store, guard: SetBackGuard): Store {
  // Every other method is looked up in the store itself.
  const guarded: Store = Object.create(store);
  return Object.assign(guarded, {
    write: (entity, items, fence) => {
      const write = () => store.write(entity, items, fence);
      return items.some(({ mode }) => mode === 'primary') ? guard.decide(store.name, write) : write();
    },
    prepareBranch: (attempt, changes, fence) => {
      const prepare = () => store.prepareBranch(attempt, changes, fence);
      return changes.some(({ item }) => item.mode === 'primary')
        ? guard.decide(store.name, prepare)
        : prepare();
    },
    applyTransaction: (...given) => guard.decide(store.name, () => store.applyTransaction(...given)),
    refuse: (...given) => guard.decide(store.name, () => store.refuse(...given)),
  } satisfies Partial<Store>);
}
