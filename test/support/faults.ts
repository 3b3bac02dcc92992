import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Gates } from './gate.ts';

/** What a test puts in the place of a store's own methods, while it wants to. */
export type Faults = Record<StoreName, Partial<Store>>;

/** A store whose methods are those of `changes`, looked up at each call, and its own otherwise; before them stand gates. */
export function withFaults(store: Store, changes: Partial<Store>, gates: Gates): Store {
  return new Proxy(store, {
    get(target, name) {
      const changed: unknown = Reflect.get(changes, name);
      const own: unknown = changed ?? Reflect.get(target, name, target);
      if (typeof own !== 'function') return own;
      const call = changed === undefined ? own.bind(target) : own;
      if (!gates.isClosed(target.name, name)) return call;
      return async (...given: unknown[]) => {
        await gates.pass(target.name, name);
        return await call(...given);
      };
    },
  });
}
