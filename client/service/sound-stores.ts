import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { judgeStores, setBackFailure, setBackReason } from '../../databases/contract/set-back.ts';
import type { Store, Stores } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { isNewer, type Version, versionBeforeLockstep } from '../../model/version.ts';
import { ignoreExpected } from './expected-failure.ts';

/** How often both stores are asked for their marks, beside the reads. Workers raise them as often. */
const freshMs = 5_000;

/**
 * Tells a service which store was set back, as workers are told: it gives no rows and takes no touches before a person has
 * decided. The highest marks that were heard of are remembered, so a store is recognised while the other one is away too.
 */
export class SoundStores {
  readonly #open: OpenMigration;
  readonly #remembered = new Map<StoreName, Version>();
  readonly #failures = new Map<StoreName, number>();
  /** How often each store had been lost when it was looked at. */
  readonly #lookedAt = new Map<StoreName, number>();
  readonly #looking = new Map<StoreName, Promise<void>>();
  #reasons: ReadonlyMap<StoreName, string> = new Map();
  #lookAgainAt = Number.NEGATIVE_INFINITY;

  constructor(open: OpenMigration) {
    this.#open = open;
  }

  /** Asks both stores, and remembers the answer. */
  async look(): Promise<void> {
    this.#lookAgainAt = performance.now() + freshMs;
    const lost = (['legacy', 'modern'] as const).map((name) => [name, this.#losses(name)] as const);
    const { setBack, unavailable } = await judgeStores(this.#open, this.#remembered);
    this.#reasons = new Map(setBack.map((one) => [one.store, setBackReason(one)]));
    // What could not be judged may be back in the next moment, from a backup.
    for (const [name, losses] of lost) if (!unavailable.has(name)) this.#lookedAt.set(name, losses);
  }

  /**
   * Throws `StoreUnavailable` where the store was set back, as of a few seconds ago: nobody waits for the next look.
   *
   * @param consequence what the store does not do until then
   */
  assertSound(store: StoreName, consequence: string): void {
    // What is known stays known where a look fails; the next one may say more.
    if (performance.now() >= this.#lookAgainAt) this.look().catch(ignoreExpected);
    const reason = this.#reasons.get(store);
    if (reason !== undefined) throw setBackFailure(store, reason, consequence);
  }

  /** Stores that give no rows where they were set back. */
  guarded(): Stores {
    const { legacy, modern } = this.#open.stores;
    return { legacy: this.#guardedStore(legacy), modern: this.#guardedStore(modern) };
  }

  #guardedStore(store: Store): Store {
    // Every other method is looked up in the store itself.
    const guarded: Store = Object.create(store);
    return Object.assign(guarded, {
      read: (...given) => this.#sound(store, () => store.read(...given)),
      values: (...given) => this.#sound(store, () => store.values(...given)),
      queryReadOnly: (...given) => this.#sound(store, () => store.queryReadOnly(...given)),
    } satisfies Partial<Store>);
  }

  async #sound<T>(store: Store, read: () => Promise<T>): Promise<T> {
    // A store that was lost may have come back from a backup. Every read waits for the look, the first as the others.
    while (this.#lookedAt.get(store.name) !== this.#losses(store.name)) await this.#lookAtOnce(store);
    this.assertSound(store.name, 'gives no rows');
    try {
      return await read();
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable'))
        this.#failures.set(store.name, (this.#failures.get(store.name) ?? 0) + 1);
      throw error;
    }
  }

  async #lookAtOnce(store: Store): Promise<void> {
    const looking =
      this.#looking.get(store.name) ??
      this.#lookAt(store).finally(() => {
        this.#looking.delete(store.name);
      });
    this.#looking.set(store.name, looking);
    await looking;
  }

  /** The other store is asked only where this one is behind: a read waits for none but its own. */
  async #lookAt(store: Store): Promise<void> {
    const losses = this.#losses(store.name);
    const { own } = await store.marks(this.#open.migration.name);
    const remembered = this.#remembered.get(store.name) ?? versionBeforeLockstep;
    if (isNewer(remembered, own)) await this.look();
    else this.#remembered.set(store.name, own);
    this.#lookedAt.set(store.name, losses);
  }

  /** Grows with each connection that broke while it was idle, and each read that failed. */
  #losses(name: StoreName): number {
    return this.#open.stores[name].lostConnections() + (this.#failures.get(name) ?? 0);
  }
}
