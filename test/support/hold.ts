import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';
import type { RunningMigration } from './fixture.ts';
import { until } from './until.ts';

/** Where a call of a worker's store stands still: before it, or after it, when its answer has not been heard yet. */
export interface Step {
  readonly store: StoreName;
  readonly method: keyof Store;
  readonly when: 'before' | 'after';
  /** Text in the call's arguments, which tells it from others; empty stands for the first one. */
  readonly about?: string;
}

export interface Held {
  reached(): Promise<void>;
  /** Lets it go on, as one that was thought dead does. Resolves when it is over, whatever came of it. */
  release(): Promise<void>;
}

/** Holds one call; all others pass. */
export function holdAt(at: RunningMigration, { store, method, when, about = '' }: Step): Held {
  const released = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  let isReached = false;
  const own: unknown = Reflect.get(at.stores[store], method);
  if (typeof own !== 'function') throw new TypeError(`${method} is no method of a store`);
  const call = async (given: unknown[]): Promise<unknown> =>
    await Reflect.apply(own, at.stores[store], given);
  const changed = async (...given: unknown[]) => {
    if (isReached || !JSON.stringify(given).includes(about)) return await call(given);
    isReached = true;
    try {
      const answer = when === 'after' ? await call(given) : undefined;
      await released.promise;
      return when === 'before' ? await call(given) : answer;
    } finally {
      over.resolve();
    }
  };
  Reflect.set(at.faults[store], method, changed);
  return {
    async reached() {
      await until(`${store} ${method} stands still`, async () => isReached);
    },
    async release() {
      released.resolve();
      if (isReached) await over.promise;
    },
  };
}
