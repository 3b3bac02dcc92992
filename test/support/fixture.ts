import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { createActivities } from '../../activities/index.ts';
import { activityInterceptors } from '../../activities/interceptors.ts';
import { prepareStores, registerSearchAttributes } from '../../client/operator/prepare.ts';
import { removeSchedules } from '../../client/operator/schedules.ts';
import type { ConnectOptions } from '../../client/service/connect.ts';
import type { Stores } from '../../databases/contract/store.ts';
import { openStores } from '../../databases/open.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { StoreName } from '../../model/failure.ts';
import { defineMigration, type Migration, type MigrationOptions } from '../../model/migration.ts';
import type { Phase } from '../../model/phase.ts';
import { HybridClock } from '../../model/version.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { createWorkers } from '../../workers/owed.ts';
import { Reach } from '../../workers/reach.ts';
import { type RunningWorker, runWorker } from '../../workers/worker.ts';
import { type Direct, direct } from '../databases/direct.ts';
import { account, accountTables, createAccounts, flagged, twin } from './accounts.ts';
import { advanceTo } from './advance.ts';
import { type Connected, connectBoth } from './connect-both.ts';
import { connecting, createDatabasesOn, inRoles } from './databases.ts';
import { endMigration } from './end-migration.ts';
import { type Faults, withFaults } from './faults.ts';
import { Gates } from './gate.ts';
import { quick } from './policy.ts';
import './quiet.ts';
import { type Proxy as DatabaseProxy, proxy } from './proxy.ts';

const ignore = () => undefined;

/** What a test does to the stores of a worker. */
export interface Changed {
  readonly faults: Faults;
  readonly gates: Gates;
}

/** A migration on fresh databases, with its workflow running once `start` has been called. */
export interface Fixture extends AsyncDisposable {
  readonly migration: Migration;
  readonly environment: NodeJS.ProcessEnv;
  readonly temporal: Client;
  /** Around the proxies, to look at tables and to plant faults. */
  readonly sql: Readonly<Record<StoreName, Direct['rows']>>;
  /** Another connection around the proxies, closed with the scene. */
  another(store: StoreName): Promise<Direct>;
  /** Between everything of ours and the databases. */
  readonly proxies: Readonly<Record<StoreName, DatabaseProxy>>;
  /** Around the proxies, without workflow or client. */
  readonly stores: Stores;
  work(changed?: Changed): Promise<RunningWorker>;
  connect(options?: ConnectOptions): Promise<Connected>;
  /** Undoes what a test has done to connections and, where there are any, to a worker's stores. */
  restore(): Promise<void>;
}

export type FixtureOptions = Partial<MigrationOptions> & {
  /** The engine of the legacy store; modern has the other one. Default `mysql`. */
  from?: 'mysql' | 'postgresql';
  tables?: Readonly<Record<StoreName, readonly string[]>>;
  /** Leaves it to the test to prepare the stores. */
  unprepared?: boolean;
};

/** Fresh databases, prepared; everything is released in reverse order when the fixture is disposed. */
export async function createFixture(servers: Servers, options: FixtureOptions = {}): Promise<Fixture> {
  const { from = 'mysql', tables, unprepared = false, ...given } = options;
  const release: (() => Promise<unknown>)[] = [];
  const leave = async () => {
    for (const releasing of release.splice(0).toReversed()) await releasing();
  };
  try {
    const databases = await createDatabasesOn(servers);
    release.push(() => databases.drop());
    const urls = inRoles(databases, from);
    const connections = { legacy: await direct(urls.legacy), modern: await direct(urls.modern) };
    release.push(
      () => connections.legacy.end(),
      () => connections.modern.end(),
    );
    for (const store of ['legacy', 'modern'] as const) {
      const statements = tables?.[store] ?? accountTables.map((table) => createAccounts(table, store));
      for (const statement of statements) await connections[store].rows(statement);
    }
    const proxies = { legacy: await proxy(urls.legacy), modern: await proxy(urls.modern) };
    release.push(
      () => proxies.legacy.close(),
      () => proxies.modern.close(),
    );

    const through = { legacy: proxies.legacy.url, modern: proxies.modern.url };
    const environment = connecting(through, servers);
    const migration = defineMigration({
      name: `test-${randomBytes(6).toString('hex')}`,
      entities: [account, twin, flagged],
      deadline: '2100-01-01T00:00:00Z',
      ...given,
      ...quick(given),
      legacy: { connectTimeoutMs: 2_000, ...given.legacy },
      modern: { connectTimeoutMs: 2_000, ...given.modern },
    });
    if (!unprepared) await prepareStores(migration, environment);
    const stores = openStores(migration, connecting(urls, servers));
    release.push(
      () => stores.legacy.close(),
      () => stores.modern.close(),
    );

    const world = await TestWorkflowEnvironment.createFromExistingServer(servers.temporal);
    release.push(() => world.teardown());
    await registerSearchAttributes(world.client);
    release.push(() => endMigration(world.client, migration));

    return {
      migration,
      environment,
      temporal: world.client,
      sql: { legacy: connections.legacy.rows, modern: connections.modern.rows },
      async another(store) {
        const connection = await direct(urls[store]);
        release.push(() => connection.end());
        return connection;
      },
      proxies,
      stores,
      async work(changed) {
        const worker = changed
          ? await runWorkerWithFaults(changed, migration, environment, world)
          : await runWorker({ migration, environment, log: ignore });
        release.push(() => worker.shutdown());
        return worker;
      },
      async connect(connecting = {}) {
        const lockstep = await connectBoth(migration, { environment, temporal: world.client, ...connecting });
        release.push(() => lockstep.close());
        return lockstep;
      },
      async restore() {
        await proxies.legacy.restore();
        await proxies.modern.restore();
      },
      [Symbol.asyncDispose]: leave,
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** As `runWorker`, on stores that a test can make fail. */
async function runWorkerWithFaults(
  { faults, gates }: Changed,
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  world: TestWorkflowEnvironment,
): Promise<RunningWorker> {
  const stores = openStores(migration, environment);
  const options = {
    connection: world.nativeConnection,
    namespace: environment.TEMPORAL_NAMESPACE ?? 'default',
    taskQueue: migration.taskQueue,
    workflowBundle: await workflowBundle({ encodesFailures: false }),
    activities: createActivities({
      migration,
      stores: {
        legacy: withFaults(stores.legacy, faults.legacy, gates),
        modern: withFaults(stores.modern, faults.modern, gates),
      },
      clock: new HybridClock(),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      removeSchedules: () => removeSchedules(world.client, migration.name),
      log: ignore,
    }),
    interceptors: { activity: activityInterceptors(migration.name) },
    shutdownGraceTime: '1s',
    // With a heartbeat comes the word that an activity is to end.
    maxHeartbeatThrottleInterval: '200ms',
  };
  const worker = await createWorkers(options, new Reach(stores, ignore));
  const finished = worker.run().finally(async () => {
    await stores.legacy.close();
    await stores.modern.close();
  });
  return {
    finished,
    reasons: async () => [],
    shutdown: async () => {
      worker.shutdown();
      await finished;
    },
  };
}

/** A running migration with a worker and a client, in the phase that the test is about. */
export interface RunningMigration extends Fixture, Changed {
  readonly lockstep: Connected;
  readonly worker: RunningWorker;
}

export async function runMigrationOn(
  servers: Servers,
  phase: Phase,
  options: FixtureOptions = {},
): Promise<RunningMigration> {
  const opened = await createFixture(servers, options);
  try {
    const faults: Faults = { legacy: {}, modern: {} };
    const gates = new Gates();
    const worker = await opened.work({ faults, gates });
    const lockstep = await connectAndStart(opened);
    await advanceTo(lockstep, phase);
    const restore = async () => {
      await opened.restore();
      gates.open();
      for (const changes of [faults.legacy, faults.modern])
        for (const name of Object.keys(changes)) Reflect.deleteProperty(changes, name);
    };
    return { ...opened, restore, lockstep, faults, gates, worker };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** Connects as a service does, and starts the migration's workflow. */
export async function connectAndStart(opened: Fixture): Promise<Connected> {
  const lockstep = await opened.connect();
  await lockstep.control.start();
  return lockstep;
}
