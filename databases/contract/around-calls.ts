import type { Store } from './store.ts';

/** What a store gives without being asked, and its end. */
const withoutAsking: readonly (string | symbol)[] = [
  'lostConnections',
  'touchRefusalOf',
  'close',
] satisfies (keyof Store)[];

/** A store each of whose calls to its server is made by `around`. */
export function aroundCalls(
  store: Store,
  around: (call: () => Promise<unknown>, name: string | symbol) => Promise<unknown>,
): Store {
  return new Proxy(store, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      if (typeof found !== 'function' || withoutAsking.includes(name)) return found;
      return (...given: unknown[]) => around(async () => await found.apply(target, given), name);
    },
  });
}
