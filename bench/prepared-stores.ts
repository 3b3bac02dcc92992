import type { Stores } from '../databases/contract/store.ts';
import { openStores } from '../databases/open.ts';
import type { Migration } from '../model/migration.ts';
import type { Databases } from '../test/support/databases.ts';

/** Both stores of a bench's migration, prepared, with legacy in MySQL/MariaDB; `building` closes them. */
export async function preparedStores(
  migration: Migration,
  { mysqlUrl, postgresqlUrl }: Pick<Databases, 'mysqlUrl' | 'postgresqlUrl'>,
  building: AsyncDisposableStack,
): Promise<Stores> {
  const stores = openStores(migration, {
    LOCKSTEP_LEGACY_URL: mysqlUrl,
    LOCKSTEP_MODERN_URL: postgresqlUrl,
  });
  building.defer(async () => {
    await stores.legacy.close();
    await stores.modern.close();
  });
  for (const store of [stores.legacy, stores.modern]) await store.prepare();
  return stores;
}
