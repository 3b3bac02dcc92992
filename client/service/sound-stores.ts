import type { Store, Stores } from '../../databases/contract/store.ts';
import { withCalls } from '../../databases/contract/with-calls.ts';
import { type SetBackGuard, withSetBackGuard } from '../../databases/deciding/set-back-guard.ts';
import type { StoreName } from '../../model/failure.ts';
import { ignoreExpected } from './expected-failure.ts';

/** How often both stores are asked for their marks, beside what is read and written. Workers raise them as often. */
const freshMs = 5_000;

/**
 * Stores as a service uses them: one that was set back gives no rows and takes no writes before a person has decided. The highest
 * marks that were heard of are remembered, so a store is recognised while the other one is away too.
 */
export class SoundStores {
  readonly #guard: SetBackGuard;
  #lookAgainAt = performance.now() + freshMs;
  readonly stores: Stores;

  /** @param guard has looked at the stores already */
  constructor(stores: Stores, guard: SetBackGuard) {
    this.#guard = guard;
    const deciding = withSetBackGuard(stores, guard);
    this.stores = { legacy: this.#watched(deciding.legacy), modern: this.#watched(deciding.modern) };
  }

  /** As `SetBackGuard.assertSound`, as of a few seconds ago: nobody waits for the next look. */
  assertSound(store: StoreName, consequence: string): void {
    this.#lookSoon();
    this.#guard.assertSound(store, consequence);
  }

  #watched(store: Store): Store {
    return withCalls(store, {
      read: (...given) => this.#sound(store, () => store.read(...given)),
      values: (...given) => this.#sound(store, () => store.values(...given)),
      queryReadOnly: (...given) => this.#sound(store, () => store.queryReadOnly(...given)),
      write: (...given) => {
        this.#lookSoon();
        return store.write(...given);
      },
    });
  }

  #sound<T>({ name }: Store, read: () => Promise<T>): Promise<T> {
    this.#lookSoon();
    return this.#guard.read(name, read);
  }

  #lookSoon(): void {
    const now = performance.now();
    if (now < this.#lookAgainAt) return;
    this.#lookAgainAt = now + freshMs;
    // What is known stays known where a look fails; the next one may say more.
    this.#guard.look().catch(ignoreExpected);
  }
}
