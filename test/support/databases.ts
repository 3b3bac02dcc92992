import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { StoreName } from '../../model/failure.ts';

/** One fresh database on each engine. The caller decides which is legacy and which is modern. */
export interface Databases extends AsyncDisposable {
  /** The same name on both. */
  name: string;
  mysqlUrl: string;
  postgresqlUrl: string;
  drop(): Promise<void>;
}

/** Outside of vitest (proofs, benches), where `servers` comes from `up()`. */
export async function createDatabasesOn({
  mysql,
  postgresql,
}: Pick<Servers, 'mysql' | 'postgresql'>): Promise<Databases> {
  const name = newName();
  const drop = async () => {
    await Promise.all([
      onMysql(mysql.url, `DROP DATABASE IF EXISTS ${name}`),
      onPostgresql(postgresql.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    ]);
  };
  await Promise.all([
    onMysql(mysql.url, `CREATE DATABASE ${name} CHARACTER SET utf8mb4`),
    createOnPostgresql(postgresql.url, name),
  ]);
  return {
    name,
    mysqlUrl: withDatabase(mysql.url, name),
    postgresqlUrl: withDatabase(postgresql.url, name),
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

/** A fresh database on one server; `drop()` removes it. */
export async function createDatabaseOn(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = newName();
  const isPostgresql = serverUrl.startsWith('postgres');
  const run = isPostgresql ? onPostgresql : onMysql;
  if (isPostgresql) await createOnPostgresql(serverUrl, name);
  else await run(serverUrl, `CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  return {
    url: withDatabase(serverUrl, name),
    drop: () => run(serverUrl, `DROP DATABASE IF EXISTS ${name}${isPostgresql ? ' WITH (FORCE)' : ''}`),
  };
}

/** The databases in their roles; modern is on the other engine. */
export function inRoles(
  { mysqlUrl, postgresqlUrl }: Databases,
  from: 'mysql' | 'postgresql',
): Record<StoreName, string> {
  return from === 'mysql'
    ? { legacy: mysqlUrl, modern: postgresqlUrl }
    : { legacy: postgresqlUrl, modern: mysqlUrl };
}

/** What a service, a worker or a command connects with. */
export function connecting(
  urls: Readonly<Record<StoreName, string>>,
  { temporal }: Pick<Servers, 'temporal'>,
) {
  return {
    LOCKSTEP_LEGACY_URL: urls.legacy,
    LOCKSTEP_MODERN_URL: urls.modern,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}

/**
 * What tests make without a schema lies in `public`, also where the account has the name of a schema: as the development servers' does,
 * from the moment when a store is prepared.
 */
async function createOnPostgresql(url: string, name: string): Promise<void> {
  await onPostgresql(url, `CREATE DATABASE ${name}`);
  await onPostgresql(url, `ALTER DATABASE ${name} SET search_path = public`);
}

function newName(): string {
  return `lockstep_test_${randomBytes(6).toString('hex')}`;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function onMysql(url: string, statement: string): Promise<void> {
  const connection = await createConnection(url);
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function onPostgresql(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
