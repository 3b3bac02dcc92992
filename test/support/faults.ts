import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';

/** What a test puts in the place of a store's own methods, while it wants to. */
export type Faults = Record<StoreName, Partial<Store>>;

/** A store whose methods are those of `changes`, looked up at each call, and its own otherwise. */
export function altered(store: Store, changes: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const changed: unknown = Reflect.get(changes, name);
      if (changed !== undefined) return changed;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
