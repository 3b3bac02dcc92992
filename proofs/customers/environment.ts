import type { Servers } from '../../deploy/dev/servers.ts';
import { defineMigration } from '../../model/migration.ts';
import type { Connected } from '../../test/support/connect-both.ts';
import { connecting, createDatabasesOn } from '../../test/support/databases.ts';
import { runWorker } from '../../workers/worker.ts';
import '../../test/support/quiet.ts';
import type { StoreUrls } from '../account/environment.ts';
import { prepareMigration } from '../support/prepared-migration.ts';
import { customer, fillCustomers } from './customers.ts';

/** MariaDB or MySQL as legacy, PostgreSQL as modern, the same customers in both, and a migration under way with a worker. */
export interface CustomerEnvironment extends AsyncDisposable {
  readonly lockstep: Connected;
  /** Past everything that stands between. */
  readonly direct: StoreUrls;
}

/** The policy is the one that a migration has by default. */
export async function createCustomerEnvironment(
  servers: Servers,
  count: number,
): Promise<CustomerEnvironment> {
  await using resources = new AsyncDisposableStack();
  const databases = resources.use(await createDatabasesOn(servers));
  const direct = { legacy: databases.mysqlUrl, modern: databases.postgresqlUrl };
  await fillCustomers(direct, count);
  const migration = defineMigration({
    name: databases.name.replaceAll('_', '-').replace('test', 'compare'),
    entities: [customer],
    deadline: '2035-01-31T00:00:00Z',
  });
  const environment = {
    ...process.env,
    ...connecting(direct, servers),
  };
  const prepared = resources.use(await prepareMigration(migration, environment));
  const worker = await runWorker({ migration, environment, log: () => undefined });
  resources.defer(() => worker.shutdown());
  const lockstep = resources.use(await prepared.startedIn('dual-write'));
  const release = resources.move();
  return { lockstep, direct, [Symbol.asyncDispose]: () => release.disposeAsync() };
}
