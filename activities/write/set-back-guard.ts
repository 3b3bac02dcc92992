import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { type SetBack, setBackReason, setBackStores } from '../../databases/contract/set-back.ts';
import type { Store, Stores } from '../../databases/contract/store.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';

/**
 * Keeps writes out of a primary that was set back. It would decide them by rows that are not the newest, and replace what the
 * other store has of them.
 */
export class SetBackGuard {
  readonly #open: OpenMigration;
  readonly #suspects = new Set<StoreName>();
  #reasons: ReadonlyMap<StoreName, string> = new Map();

  constructor(open: OpenMigration) {
    this.#open = open;
  }

  /** Asks the stores, and remembers the answer for the writes that follow. */
  async look(): Promise<readonly SetBack[]> {
    const found = await setBackStores(this.#open);
    this.#reasons = new Map(found.map((one) => [one.store, setBackReason(one)]));
    return found;
  }

  /** Runs a write that the store decides; throws `StoreUnavailable` where it was set back. */
  async decide<T>(store: StoreName, write: () => Promise<T>): Promise<T> {
    if (this.#suspects.delete(store)) await this.look();
    const reason = this.#reasons.get(store);
    if (reason !== undefined) {
      const remedy = 'a person decides with lockstep reconcile --repair --from; see docs/restore.md';
      throw new LockstepError('StoreUnavailable', `${reason}; it takes no writes until then: ${remedy}`, {
        store,
        about: 'server',
        remedy,
      });
    }
    try {
      return await write();
    } catch (error) {
      // It may come back from a backup.
      if (isLockstepError(error, 'StoreUnavailable')) this.#suspects.add(store);
      throw error;
    }
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
    refuse: (...given) => guard.decide(store.name, () => store.refuse(...given)),
  } satisfies Partial<Store>);
}
