import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { otherStore } from '../../model/phase.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { isNewer, type Version, versionBeforeLockstep } from '../../model/version.ts';
import type { OpenMigration } from '../contract/current-state.ts';
import { judgeStores, type SetBack, StoreSetBack, setBackReason } from '../contract/set-back.ts';
import type { Marks } from '../contract/sightings.ts';
import type { Store, Stores } from '../contract/store.ts';
import { withCalls } from '../contract/with-calls.ts';

/** So long a read of a store that was lost waits for what the other one knows of it, in milliseconds. */
const otherWaitMs = 500;

/**
 * Keeps writes out of a primary that was set back, and reads out of any store that was. It would decide writes by rows that are not
 * the newest, and replace what the other store has of them.
 */
export class SetBackGuard {
  readonly #open: OpenMigration;
  /** The highest mark that this process has heard of. */
  readonly #remembered = new Map<StoreName, Version>();
  readonly #failures = new Map<StoreName, number>();
  /** How often each store had been lost when both were asked about it, and when it was asked alone. */
  #lookedAt: ReadonlyMap<StoreName, number> = new Map();
  readonly #heardAt = new Map<StoreName, number>();
  #reasons: ReadonlyMap<StoreName, string> = new Map();
  #unavailable: ReadonlyMap<StoreName, LockstepError> = new Map();
  #looking: Promise<unknown> | null = null;
  readonly #hearing = new Map<StoreName, Promise<void>>();

  constructor(open: OpenMigration) {
    this.#open = open;
  }

  /** Asks the stores, and remembers the answer for what follows. */
  async look(): Promise<readonly SetBack[]> {
    const lost = new Map((['legacy', 'modern'] as const).map((store) => [store, this.#losses(store)]));
    const { setBack, unavailable } = await judgeStores(this.#open, this.#remembered);
    // What could not be judged may be back in the next moment, from a backup.
    for (const store of unavailable.keys()) {
      lost.delete(store);
      this.#heardAt.delete(store);
    }
    this.#reasons = new Map(setBack.map((one) => [one.store, setBackReason(one)]));
    this.#unavailable = unavailable;
    this.#lookedAt = lost;
    return setBack;
  }

  /** Runs a write that the store decides; throws `StoreUnavailable` where it was set back, or cannot be asked. */
  async decide<T>(store: StoreName, write: () => Promise<T>): Promise<T> {
    // A store that was lost may have come back from a backup. Every write waits for the look, the first as the others.
    while (this.#lookedAt.get(store) !== this.#losses(store)) await this.#lookOnce(store);
    this.assertSound(store, 'takes no writes');
    return await this.#counted(store, write);
  }

  /** As `decide`, for a read, which waits no longer than a moment for the other store. */
  async read<T>(store: StoreName, read: () => Promise<T>): Promise<T> {
    while (!this.#isKnown(store)) await this.#hearOnce(store);
    this.assertSound(store, 'gives no rows');
    return await this.#counted(store, read);
  }

  /**
   * Throws `StoreUnavailable` where the store was set back when it was looked at last.
   *
   * @param consequence what the store does not do until a person has decided
   */
  assertSound(store: StoreName, consequence: string): void {
    const reason = this.#reasons.get(store);
    if (reason !== undefined) throw new StoreSetBack(store, reason, consequence);
  }

  async #counted<T>(store: StoreName, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable'))
        this.#failures.set(store, (this.#failures.get(store) ?? 0) + 1);
      throw error;
    }
  }

  /** Grows with each connection that broke, in use or idle, and each failed read or write. */
  #losses(store: StoreName): number {
    return this.#open.stores[store].lostConnections() + (this.#failures.get(store) ?? 0);
  }

  #isKnown(store: StoreName): boolean {
    const losses = this.#losses(store);
    return this.#lookedAt.get(store) === losses || this.#heardAt.get(store) === losses;
  }

  /** Throws where the store cannot be asked. */
  async #lookOnce(store: StoreName): Promise<void> {
    this.#looking ??= this.look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
    const unavailable = this.#unavailable.get(store);
    if (unavailable) throw unavailable;
  }

  async #hearOnce(store: StoreName): Promise<void> {
    const hearing =
      this.#hearing.get(store) ??
      this.#hear(store).finally(() => {
        this.#hearing.delete(store);
      });
    this.#hearing.set(store, hearing);
    await hearing;
  }

  async #hear(store: StoreName): Promise<void> {
    const losses = this.#losses(store);
    const [{ own }] = await Promise.all([this.#marksOf(store), this.#hearOther(store)]);
    if (isNewer(this.#remembered.get(store) ?? versionBeforeLockstep, own))
      return await this.#lookOnce(store);
    this.#remembered.set(store, own);
    this.#heardAt.set(store, losses);
  }

  /** Where the other store does not answer soon, what is remembered must do. */
  async #hearOther(store: StoreName): Promise<void> {
    const late = () => new LockstepError('StoreUnavailable', 'the other store has not answered yet');
    const marks = this.#marksOf(otherStore(store));
    const found = await withinLimit(marks, otherWaitMs, late).catch(nullWhereUnavailable);
    if (found && isNewer(found.seen, this.#remembered.get(store) ?? versionBeforeLockstep))
      this.#remembered.set(store, found.seen);
  }

  #marksOf(store: StoreName): Promise<Marks> {
    return this.#open.stores[store].marks(this.#open.migration.name);
  }
}

/** Stores whose live writes are kept out where they were set back. */
export function withSetBackGuard(stores: Stores, guard: SetBackGuard): Stores {
  return { legacy: guardedStore(stores.legacy, guard), modern: guardedStore(stores.modern, guard) };
}

function guardedStore(store: Store, guard: SetBackGuard): Store {
  return withCalls(store, {
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
  });
}
