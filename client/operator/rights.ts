import type { Store } from '../../databases/contract/store.ts';
import { type Role, roles } from '../../model/account-role.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { withStores } from './with-stores.ts';

export type GrantedRights = Readonly<Record<Role, readonly string[]>>;

/** For each store and role the statements that give its account what it needs, and nothing more. Changes nothing. */
export function planGrants(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  accountOf: (role: Role) => string,
): Promise<Readonly<Record<StoreName, GrantedRights>>> {
  return withStores(migration, environment, async ({ legacy, modern }) => ({
    legacy: await grantsOf(legacy, accountOf),
    modern: await grantsOf(modern, accountOf),
  }));
}

async function grantsOf(store: Store, accountOf: (role: Role) => string): Promise<GrantedRights> {
  const found: [Role, readonly string[]][] = [];
  for (const role of roles) found.push([role, await store.grants(role, accountOf(role))]);
  return Object.fromEntries(found) as Record<Role, readonly string[]>;
}
