import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type Lockstep } from 'lockstep';
import { type Operator, operate, prepareStores, registerSearchAttributes } from 'lockstep/operator';
import { connectTemporal } from '../../../client/temporal/connection.ts';
import {
  type FurtherName,
  type Servers,
  status,
  stopServer,
  up,
  upFurther,
} from '../../../deploy/dev/servers.ts';
import { endMigration } from '../../../test/support/end-migration.ts';
import { type Outage, postgresqlOutage } from '../../../test/support/postgresql-outage.ts';
import { type ProductNames, productNames } from '../compare.ts';
import { openLegacy, openModern } from '../connections.ts';
import { load } from '../load.ts';
import migration from '../lockstep.config.ts';
import { PromiseLog } from '../promises.ts';
import type { Order } from '../schema.ts';
import { readOrders } from '../superstore.ts';
import { createTables } from '../tables.ts';
import { dropDatabases, freshDatabases } from './databases.ts';
import type { DemoOptions } from './options.ts';
import { count, type Screen } from './screen.ts';
import { Workers } from './workers.ts';

/** Everything that the story is played on. */
export interface DemoEnvironment {
  servers: Servers;
  outage: Outage;
  legacyUrl: string;
  /** Past the outage's proxy, where there is one. */
  modernUrl: string;
  existing: readonly Order[];
  loaded: number;
  namesBefore: ProductNames;
  log: PromiseLog;
  workers: Workers;
  lockstep: Lockstep;
  operator: Operator;
  folder: string;
}

const folder = join(import.meta.dirname, '../../../.lockstep/demo');

/** Builds the stage. What is to be released is put on `release`, last first. */
export async function buildStage(
  screen: Screen,
  { keep, ...wanted }: Pick<DemoOptions, 'keep' | 'mysql' | 'postgresql'>,
  release: (() => Promise<void>)[],
): Promise<DemoEnvironment> {
  mkdirSync(folder, { recursive: true });
  const runningBefore = new Set(
    (await status()).flatMap((one) => (one.state === 'stopped' ? [] : [one.name])),
  );
  const stopStarted = async () => {
    for (const { name, state } of await status())
      if (state === 'running' && !runningBefore.has(name)) await stopServer(name);
  };
  if (!keep) release.push(stopStarted);
  const report = (line: string) => screen.aside(line);
  const usual = await up({ report });
  const servers = {
    ...usual,
    ...(wanted.mysql ? { mysql: await further('mysql-9.7', report) } : {}),
    ...(wanted.postgresql ? { postgresql: await further('postgresql-18', report) } : {}),
  };
  screen.good(
    `servers: Temporal ${servers.temporal.address}, ${addressOf(servers.mysql.url)} and ${addressOf(servers.postgresql.url)}`,
  );

  const { legacyUrl, modernUrl } = await freshDatabases(servers);
  if (!keep) release.push(() => dropDatabases(servers));
  const outage = await postgresqlOutage(modernUrl);
  release.push(() => Promise.resolve(outage[Symbol.asyncDispose]()));
  const environment = {
    ...process.env,
    LOCKSTEP_CONFIG: join(import.meta.dirname, '../lockstep.config.ts'),
    LOCKSTEP_LEGACY_URL: legacyUrl,
    LOCKSTEP_MODERN_URL: outage.url,
    TEMPORAL_ADDRESS: servers.temporal.address,
    TEMPORAL_NAMESPACE: servers.temporal.namespace,
  };

  await prepareTemporal(environment);
  const workers = new Workers(environment, folder);
  release.push(() => workers.stop());
  const workersReady = Promise.all([workers.start(), workers.start()]);
  // Awaited below; until then a failure must not count as one that nobody handles.
  workersReady.catch(() => {});

  const { loaded, namesBefore } = await loadLegacy(legacyUrl, modernUrl);
  const existing = readOrders();
  screen.good(`legacy: ${count(loaded)} lines of ${count(existing.length)} orders, in one table`);
  await prepareStores(migration, environment);
  const lockstep = await connect(migration, { environment });
  release.push(() => lockstep.close());
  const operator = await operate(migration, { environment });
  release.push(() => operator.close());
  screen.good('prepared: control tables and write routines in both stores');
  await workersReady;
  screen.good(`workers: ${workers.describe()}`);
  const log = new PromiseLog(join(folder, 'promises.jsonl'), existing);
  return {
    servers,
    outage,
    legacyUrl,
    modernUrl,
    existing,
    loaded,
    namesBefore,
    log,
    workers,
    lockstep,
    operator,
    folder,
  };
}

async function further(name: FurtherName, report: (line: string) => void): Promise<{ url: string }> {
  const found = await upFurther(name, { report });
  if ('unavailable' in found) throw new Error(found.unavailable);
  return found;
}

async function loadLegacy(legacyUrl: string, modernUrl: string) {
  const legacy = await openLegacy(legacyUrl);
  const modern = await openModern(modernUrl);
  try {
    await createTables(legacy, modern);
    const loaded = await load(legacy);
    return { loaded, namesBefore: await productNames(legacy) };
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
}

async function prepareTemporal(environment: NodeJS.ProcessEnv): Promise<void> {
  const temporal = await connectTemporal(environment);
  try {
    await registerSearchAttributes(temporal);
    // Those of an earlier demo would go on with databases that are no longer theirs.
    await endMigration(temporal, migration);
  } finally {
    await temporal.connection.close();
  }
}

function addressOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol.startsWith('postgres') ? 'PostgreSQL' : 'MySQL/MariaDB'} ${host}`;
}
