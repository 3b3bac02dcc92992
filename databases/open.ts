import { readFileSync } from 'node:fs';
import { LockstepError, type StoreName } from '../model/failure.ts';
import type { Migration, StoreOptions } from '../model/migration.ts';
import type { Store, Stores } from './contract/store.ts';
import type { ConnectionOptions } from './engine/connection.ts';
import type { Engine } from './engine/engine.ts';
import { createMysqlEngine } from './mysql/engine.ts';
import { createPostgresqlEngine } from './postgresql/engine.ts';
import { createSqlStore } from './sql-store.ts';

const engines: Readonly<Record<string, (store: StoreName, options: ConnectionOptions) => Engine>> = {
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
  return open(name, connection);
}

/**
 * TLS is asked for in the URL by `sslmode` (PostgreSQL's words, for both engines): `disable` (default on loopback and
 * elsewhere when absent), `require` (encrypt), `verify-full` (encrypt, check certificate and host).
 */
function connectionOf(name: StoreName, text: string, options: StoreOptions): ConnectionOptions {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text is left out: it may hold a password.
    throw new LockstepError('InvalidDefinition', `the ${name} store's ${options.urlFrom} is not a URL`, {
      store: name,
      path: options.urlFrom,
    });
  }
  const mode = url.searchParams.get('sslmode') ?? 'disable';
  if (!['disable', 'require', 'verify-full'].includes(mode)) {
    throw new LockstepError(
      'InvalidDefinition',
      `the ${name} store's sslmode is "${mode}"; use disable, require or verify-full`,
      {
        store: name,
        path: options.urlFrom,
      },
    );
  }
  url.searchParams.delete('sslmode');
  const tls =
    mode === 'disable'
      ? null
      : {
          rejectUnauthorized: mode === 'verify-full',
          ...(options.tlsCaFile ? { ca: readFileSync(options.tlsCaFile, 'utf8') } : {}),
        };
  const port = url.port || (url.protocol.startsWith('postgres') ? '5432' : '3306');
  return {
    url,
    address: `${url.hostname}:${port}${url.pathname}`,
    poolSize: options.poolSize,
    connectTimeoutMs: options.connectTimeoutMs,
    statementTimeoutMs: options.statementTimeoutMs,
    tls,
  };
}
