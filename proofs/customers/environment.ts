import { prepareStores, registerSearchAttributes } from '../../client/operator/prepare.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import { defineMigration } from '../../model/migration.ts';
import { type Connected, connectBoth } from '../../test/support/connect-both.ts';
import { connecting, createDatabasesOn } from '../../test/support/databases.ts';
import { endMigration } from '../../test/support/end-migration.ts';
import { runWorker } from '../../workers/worker.ts';
import '../../test/support/quiet.ts';
import { advanceTo } from '../../test/support/advance.ts';
import type { StoreUrls } from '../account/environment.ts';
import { customer, fillCustomers } from './customers.ts';

/** MariaDB or MySQL as legacy, PostgreSQL as modern, the same customers in both, and a migration under way with a worker. */
export interface CustomerStage extends AsyncDisposable {
  readonly lockstep: Connected;
  /** Past everything that stands between. */
  readonly direct: StoreUrls;
}

/** The policy is the one that a migration has by default. */
export async function buildCustomerStage(servers: Servers, count: number): Promise<CustomerStage> {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
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
  await prepareStores(migration, environment);
  const temporal = await connectTemporal(environment);
  building.defer(() => temporal.connection.close());
  await registerSearchAttributes(temporal);
  const worker = await runWorker({ migration, environment, log: () => undefined });
  building.defer(() => worker.shutdown());
  const lockstep = building.use(await connectBoth({ migration, environment, temporal }));
  building.defer(() => endMigration(temporal, migration));
  await lockstep.control.start();
  await advanceTo(lockstep, 'dual-write');
  const release = building.move();
  return { lockstep, direct, [Symbol.asyncDispose]: () => release.disposeAsync() };
}
