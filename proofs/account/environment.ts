import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { prepareStores, registerSearchAttributes } from '../../client/operator/prepare.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { Pattern } from '../../model/entity.ts';
import type { Phase } from '../../model/phase.ts';
import { advanceTo } from '../../test/support/advance.ts';
import { type Connected, connectBoth } from '../../test/support/connect-both.ts';
import { connecting, type Databases } from '../../test/support/databases.ts';
import { endMigration } from '../../test/support/end-migration.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import type { accountWritten } from './account.ts';
import {
  migrationVariable,
  type ProofPolicy,
  patternVariable,
  policyVariable,
  proofMigration,
} from './migration.ts';

const folder = join(import.meta.dirname, '../../.lockstep/proofs');
const config = join(import.meta.dirname, 'lockstep.config.ts');

export interface StageOptions {
  servers: Servers;
  pattern: Pattern;
  phase: Phase;
  /** Statements beside those of the accounts: files of this name, one for each store. */
  tables?: string;
  databases: Databases;
  policy?: ProofPolicy;
  /** What the application and its workers know the stores by, where that is not the databases themselves. */
  through?: Partial<StoreUrls>;
}

export interface StoreUrls {
  legacy: string;
  modern: string;
}

/** MariaDB or MySQL as legacy, PostgreSQL as modern, empty tables for accounts, and a migration under way with one worker. */
export interface Stage extends AsyncDisposable {
  account: ReturnType<typeof accountWritten>;
  lockstep: Connected;
  temporal: Client;
  /** Past everything that stands between. */
  direct: StoreUrls;
  /** What a process needs to work on the stage. */
  environment: NodeJS.ProcessEnv;
  worker: WorkerProcess;
  /** Starts another worker; resolves when its process runs, not when it takes work. */
  startWorker(): Promise<WorkerProcess>;
  /** For logs; it is kept when the stage is told so. */
  folder: string;
  keepFolder(): void;
}

export async function buildStage(options: StageOptions): Promise<Stage> {
  const { servers, databases, pattern, phase, tables, policy = {} } = options;
  await using building = new AsyncDisposableStack();
  const direct = { legacy: databases.mysqlUrl, modern: databases.postgresqlUrl };
  const urls = { ...direct, ...options.through };
  await createTables(direct, tables ? ['account', tables] : ['account']);

  const name = databases.name.replaceAll('_', '-').replace('test', 'proof');
  const { account, migration } = proofMigration(name, pattern, policy);
  const environment = {
    ...process.env,
    LOCKSTEP_CONFIG: config,
    ...connecting(urls, servers),
    [migrationVariable]: name,
    [patternVariable]: pattern,
    [policyVariable]: JSON.stringify(policy),
  };
  await prepareStores(migration, environment);

  mkdirSync(folder, { recursive: true });
  const own = mkdtempSync(join(folder, `${name}-`));
  let kept = false;
  building.defer(() => {
    if (!kept) rmSync(own, { recursive: true });
  });
  const temporal = await connectTemporal(environment);
  building.defer(() => temporal.connection.close());
  await registerSearchAttributes(temporal);
  const workers: WorkerProcess[] = [];
  const startWorker = async () => {
    const worker = await WorkerProcess.start(environment, join(own, 'worker.log'));
    workers.push(worker);
    return worker;
  };
  building.defer(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  });
  const worker = await startWorker();
  await worker.ready();

  const lockstep = building.use(await connectBoth({ migration, environment, temporal }));
  building.defer(() => endMigration(temporal, migration));
  await lockstep.control.start();
  await advanceTo(lockstep, phase);
  const release = building.move();
  return {
    account,
    lockstep,
    temporal,
    direct,
    environment,
    worker,
    startWorker,
    folder: own,
    keepFolder: () => {
      kept = true;
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

async function createTables(urls: StoreUrls, names: readonly string[]): Promise<void> {
  const sql = (file: string) => readFile(join(import.meta.dirname, file), 'utf8');
  const legacy = await createConnection({ uri: urls.legacy, multipleStatements: true });
  const modern = new pg.Client({ connectionString: urls.modern });
  try {
    await modern.connect();
    for (const name of names) {
      await legacy.query(await sql(`${name}.legacy.sql`));
      await modern.query(await sql(`${name}.modern.sql`));
    }
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
}
