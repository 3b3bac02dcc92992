import type { Store } from './store.ts';

/** A store of which some calls are these; every other one is looked up in the store itself. */
export function withCalls(store: Store, calls: Partial<Store>): Store {
  return Object.assign(Object.create(store), calls);
}
