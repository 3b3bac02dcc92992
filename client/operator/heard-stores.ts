import { aroundCalls } from '../../databases/contract/around-calls.ts';
import type { Store, Stores } from '../../databases/contract/store.ts';
import { openStores } from '../../databases/open.ts';
import type { Migration } from '../../model/migration.ts';
import { isHeard, waitingFor } from '../waits.ts';

/** Both stores of a migration. Where somebody wants to hear what is waited for, they say when it is them. */
export function openHeardStores(migration: Migration, environment: NodeJS.ProcessEnv): Stores {
  const stores = openStores(migration, environment);
  return isHeard() ? { legacy: heard(stores.legacy), modern: heard(stores.modern) } : stores;
}

function heard(store: Store): Store {
  return aroundCalls(store, (call) => waitingFor(`the ${store.name} store (${store.address})`, call));
}
