import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';
import { Commands } from '../../test/support/commands.ts';
import { connecting, createDatabasesOn } from '../../test/support/databases.ts';
import type { Canaries } from './canary.ts';
import { canariesMigration, nameVariable } from './person.ts';

const folder = import.meta.dirname;

/** Two databases with an account each whose password is a canary, and what a service, a worker and a command are given. */
export interface CanaryEnvironment extends AsyncDisposable {
  readonly migration: Migration;
  readonly environment: NodeJS.ProcessEnv;
  /** As the servers' own accounts, which see everything. */
  readonly sql: Readonly<Record<StoreName, Direct['rows']>>;
  /** Another connection of those. */
  another(store: StoreName): Promise<Direct>;
  readonly commands: Commands;
}

export async function createCanaryEnvironment(
  servers: Servers,
  canaries: Canaries,
): Promise<CanaryEnvironment> {
  await using resources = new AsyncDisposableStack();
  const databases = await createDatabasesOn(servers);
  const { name } = databases;
  const account = `canaries_${randomBytes(4).toString('hex')}`;
  const owners = { legacy: databases.mysqlUrl, modern: databases.postgresqlUrl };
  const server = { legacy: await direct(servers.mysql.url), modern: await direct(servers.postgresql.url) };
  resources.defer(async () => {
    await databases.drop();
    await server.legacy.rows(`DROP USER IF EXISTS '${account}'@'%'`);
    await server.modern.rows(`DROP ROLE IF EXISTS ${account}`);
    await server.legacy.end();
    await server.modern.end();
  });
  await server.legacy.rows(`CREATE USER '${account}'@'%' IDENTIFIED BY '${canaries.password}'`);
  await server.legacy.rows(`GRANT ALL ON \`${name}\`.* TO '${account}'@'%'`);
  await server.modern.rows(`CREATE ROLE ${account} LOGIN PASSWORD '${canaries.password}'`);
  await server.modern.rows(`ALTER DATABASE ${name} OWNER TO ${account}`);

  const urls = { legacy: withAccount(owners.legacy), modern: withAccount(owners.modern) };
  for (const store of ['legacy', 'modern'] as const) {
    const own = await direct(urls[store]);
    await own.rows(readFileSync(join(folder, `canaries.${store}.sql`), 'utf8'));
    await own.end();
  }
  const looking = { legacy: await direct(owners.legacy), modern: await direct(owners.modern) };
  resources.defer(() => looking.legacy.end());
  resources.defer(() => looking.modern.end());
  const commands = resources.use(await Commands.start(2));
  const migration = canariesMigration(name.replaceAll('_', '-').replace('test', 'canaries'));
  const release = resources.move();
  return {
    migration,
    environment: {
      ...process.env,
      ...connecting(urls, servers),
      LOCKSTEP_CONFIG: join(folder, 'lockstep.config.ts'),
      // Its bytes hold a canary, so that it is found in whichever form it stands somewhere.
      LOCKSTEP_ENCRYPTION_KEY: Buffer.from(
        `${canaries.secret}\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007`,
      ).toString('base64'),
      [nameVariable]: migration.name,
    },
    sql: { legacy: looking.legacy.rows, modern: looking.modern.rows },
    another: (store) => direct(owners[store]),
    commands,
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };

  function withAccount(url: string): string {
    const changed = new URL(url);
    changed.username = account;
    changed.password = canaries.password;
    return changed.href;
  }
}
