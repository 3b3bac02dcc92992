import type { Stores } from '../../databases/contract/store.ts';
import type { Migration } from '../../model/migration.ts';
import { openHeardStores } from './heard-stores.ts';

/** Opens both stores of a migration for a piece of work, and closes them whatever happens. */
export async function withStores<T>(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  work: (stores: Stores) => Promise<T>,
): Promise<T> {
  const stores = openHeardStores(migration, environment);
  try {
    return await work(stores);
  } finally {
    await stores.legacy.close();
    await stores.modern.close();
  }
}
