import { LockstepError, type StoreName } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import type { Store, Stores } from './contract/store.ts';
import type { ConnectionOptions } from './engine/connection.ts';
import { connectionOf } from './engine/connection-url.ts';
import type { Engine } from './engine/engine.ts';
import { createMysqlEngine } from './mysql/engine.ts';
import { createPostgresqlEngine } from './postgresql/engine.ts';
import { allTables } from './sql/context.ts';
import { createSqlStore } from './sql-store.ts';

type OpenEngine = (store: StoreName, options: ConnectionOptions, tables: readonly string[]) => Engine;

const engines: Readonly<Record<string, OpenEngine>> = {
  'postgres:': createPostgresqlEngine,
  'postgresql:': createPostgresqlEngine,
  'mysql:': createMysqlEngine,
  'mariadb:': createMysqlEngine,
};

/** Opens both stores of a migration from the environment. No connection is made before the first use. */
export function openStores(migration: Migration, environment: NodeJS.ProcessEnv): Stores {
  return {
    legacy: openStore(migration, 'legacy', environment),
    modern: openStore(migration, 'modern', environment),
  };
}

export function openStore(migration: Migration, name: StoreName, environment: NodeJS.ProcessEnv): Store {
  return createSqlStore(name, openEngine(migration, name, environment), migration);
}

export function openEngine(migration: Migration, name: StoreName, environment: NodeJS.ProcessEnv): Engine {
  const options = migration.stores[name];
  const text = environment[options.urlFrom];
  if (!text) {
    throw new LockstepError(
      'InvalidDefinition',
      `the ${name} store has no connection string: ${options.urlFrom} is not set; ` +
        'set it to a URL such as mysql://user:password@host:3306/database or postgresql://user:password@host:5432/database',
      { store: name, path: options.urlFrom },
    );
  }
  const connection = connectionOf(name, text, options);
  const open = engines[connection.url.protocol];
  if (!open) {
    throw new LockstepError(
      'InvalidDefinition',
      `the ${name} store's ${options.urlFrom} begins with "${connection.url.protocol}"; it must be one of ${Object.keys(engines).join(' ')}`,
      { store: name, path: options.urlFrom },
    );
  }
  return open(
    name,
    connection,
    migration.entities.flatMap((entity) => allTables(entity, name)),
  );
}
