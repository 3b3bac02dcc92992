import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { registerSearchAttributes } from '../../client/operator/prepare.ts';
import type { Lockstep } from '../../client/service/connect.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import { type Role, roles } from '../../model/account-role.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';
import { createAccounts, journaled } from '../../test/support/accounts.ts';
import { Commands } from '../../test/support/commands.ts';
import { connecting, createDatabasesOn, inRoles } from '../../test/support/databases.ts';
import { endMigration } from '../../test/support/end-migration.ts';
import type { Ended } from '../../test/support/process.ts';
import { accountsMigration, nameVariable } from './migration.ts';
import { type PrintedGrants, readGrants } from './printed-grants.ts';

const both = ['legacy', 'modern'] as const;
const password = 'invented';
const variables = { legacy: 'LOCKSTEP_LEGACY_URL', modern: 'LOCKSTEP_MODERN_URL' } as const;

/** A migration whose stores are prepared, with an account for each role that has what `prepare --grants` has printed. */
export interface AccountsEnvironment extends AsyncDisposable {
  readonly migration: Migration;
  readonly temporal: Client;
  /** As they were run, with the names of the accounts. */
  readonly granted: PrintedGrants;
  /** As the owner of the databases. */
  readonly sql: Readonly<Record<StoreName, Direct['rows']>>;
  environmentOf(role: Role): NodeJS.ProcessEnv;
  command(role: Role, ...args: readonly string[]): Promise<Ended>;
  /** Gives an account what another role has. */
  grant(role: Role, to: Role): Promise<void>;
  /** A transaction of the service's own in legacy, which touches an account that it changes. */
  touch(service: Lockstep, id: number): Promise<void>;
}

export async function createAccountsEnvironment(
  servers: Servers,
  from: 'mysql' | 'postgresql',
): Promise<AccountsEnvironment> {
  await using resources = new AsyncDisposableStack();
  const databases = await createDatabasesOn(servers);
  const urls = inRoles(databases, from);
  const isPostgresql = (store: StoreName) => urls[store].startsWith('postgres');
  const id = randomBytes(4).toString('hex');
  const accountOf = (role: Role) => `lockstep_${role}_${id}`;
  const server = {
    mysql: await direct(servers.mysql.url),
    postgresql: await direct(servers.postgresql.url),
  };
  resources.defer(async () => {
    await databases.drop();
    for (const role of roles) {
      await server.mysql.rows(`DROP USER IF EXISTS '${accountOf(role)}'@'%'`);
      await server.postgresql.rows(`DROP ROLE IF EXISTS "${accountOf(role)}"`);
    }
    await server.mysql.end();
    await server.postgresql.end();
  });
  for (const role of roles) {
    await server.mysql.rows(`CREATE USER '${accountOf(role)}'@'%' IDENTIFIED BY '${password}'`);
    await server.postgresql.rows(`CREATE ROLE "${accountOf(role)}" LOGIN PASSWORD '${password}'`);
  }
  const own = { legacy: await direct(urls.legacy), modern: await direct(urls.modern) };
  resources.defer(() => own.legacy.end());
  resources.defer(() => own.modern.end());
  const sql = { legacy: own.legacy.rows, modern: own.modern.rows };
  for (const store of both) {
    for (const name of ['accounts', 'bound']) await sql[store](createAccounts(name, store));
    if (!isPostgresql(store)) continue;
    // So that nothing comes from what everybody has.
    for (const statement of [
      `REVOKE ALL ON DATABASE ${databases.name} FROM PUBLIC`,
      'REVOKE ALL ON SCHEMA public FROM PUBLIC',
      `ALTER DEFAULT PRIVILEGES FOR ROLE "${accountOf('prepare')}" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`,
    ])
      await sql[store](statement);
  }
  await sql.legacy(
    "INSERT INTO accounts (id, owner, balance) VALUES (1, 'there before', 1.00), (2, 'too', 2.00)",
  );

  const migration = accountsMigration(databases.name.replaceAll('_', '-').replace('test', 'accounts'));
  const environment = {
    ...process.env,
    ...connecting(urls, servers),
    LOCKSTEP_CONFIG: join(import.meta.dirname, 'lockstep.config.ts'),
    [nameVariable]: migration.name,
  };
  const temporal = await connectTemporal(environment);
  resources.defer(() => temporal.connection.close());
  await registerSearchAttributes(temporal);
  resources.defer(() => endMigration(temporal, migration));
  const commands = resources.use(await Commands.start(1));
  const environmentOf = (role: Role) => ({
    ...environment,
    ...Object.fromEntries(both.map((store) => [variables[store], withAccount(urls[store], accountOf(role))])),
  });
  const command = (role: Role, ...args: readonly string[]) => commands.run(args, environmentOf(role));

  const printed = readGrants((await commands.run(['prepare', '--grants'], environment)).stdout);
  const granted = named(printed, id);
  const grant = async (role: Role, to: Role) => {
    for (const store of both)
      for (const statement of granted[store][role])
        await sql[store](statement.replaceAll(accountOf(role), accountOf(to)));
  };
  await grant('prepare', 'prepare');
  const prepared = await command('prepare', 'prepare', '--capture', '--yes');
  if (prepared.code !== 0)
    throw new Error(`prepare, under its own account: ${prepared.stdout}${prepared.stderr}`);
  for (const role of ['worker', 'service', 'touch', 'reader'] as const) await grant(role, role);
  const release = resources.move();
  return {
    migration,
    temporal,
    granted,
    sql,
    environmentOf,
    command,
    grant,
    async touch(service, account) {
      const url = withAccount(urls.legacy, accountOf('touch'));
      await sql.legacy(updateGrant(isPostgresql('legacy'), accountOf('touch')));
      const change = `UPDATE accounts SET owner = 'touched' WHERE id = ${account}`;
      if (isPostgresql('legacy')) {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        await client.query('BEGIN');
        await client.query(change);
        await service.touch(client, journaled, [account]);
        await client.query('COMMIT');
        await client.end();
      } else {
        const connection = await mysql.createConnection(url);
        await connection.beginTransaction();
        await connection.query(change);
        await service.touch(connection, journaled, [account]);
        await connection.commit();
        await connection.end();
      }
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

function updateGrant(isPostgresql: boolean, account: string): string {
  return isPostgresql
    ? `GRANT UPDATE ON accounts TO "${account}"`
    : `GRANT UPDATE ON accounts TO '${account}'@'%'`;
}

function withAccount(url: string, account: string): string {
  const changed = new URL(url);
  changed.username = account;
  changed.password = password;
  return changed.href;
}

/** The printed names stand for a person's own. */
function named(printed: PrintedGrants, id: string): PrintedGrants {
  const ours = (statement: string) => statement.replace(/ TO (['"])(lockstep_\w+)\1/, ` TO $1$2_${id}$1`);
  return {
    legacy: mapped(printed.legacy, ours),
    modern: mapped(printed.modern, ours),
  };
}

function mapped(
  statements: PrintedGrants[StoreName],
  change: (statement: string) => string,
): PrintedGrants[StoreName] {
  return Object.fromEntries(
    Object.entries(statements).map(([role, all]) => [role, all.map(change)]),
  ) as PrintedGrants[StoreName] & Record<Role, string[]>;
}
