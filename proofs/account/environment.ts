import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { Migration } from '../../model/migration.ts';
import type { Phase } from '../../model/phase.ts';
import type { Settings } from '../../model/settings.ts';
import type { Connected } from '../../test/support/connect-both.ts';
import { connecting, type Databases } from '../../test/support/databases.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import { remoteAccounts } from '../embedded/remote-accounts.ts';
import { ServiceProcess } from '../embedded/service-process.ts';
import { prepareMigration } from '../support/prepared-migration.ts';
import { type ProofWorker, Workers } from '../support/workers.ts';
import type { accountWritten } from './account.ts';
import type { Reader, Writer } from './call.ts';
import {
  type AccountKind,
  kindsVariable,
  layoutOf,
  migrationVariable,
  proofMigration,
  settingsVariable,
  suffixOf,
  wayVariable,
} from './migration.ts';
import type { WriteWay } from './way.ts';

const config = join(import.meta.dirname, 'lockstep.config.ts');

export interface ProofEnvironmentOptions {
  servers: Servers;
  pattern: AccountKind;
  /** Accounts of other kinds beside it, each in tables of its own. */
  also?: readonly AccountKind[];
  phase: Phase;
  /** Statements beside those of the accounts: files of this name, one for each store. */
  tables?: string;
  databases: Databases;
  settings?: Settings;
  /** How writes travel. @default 'group' */
  way?: WriteWay | undefined;
  /** What the application and its workers know the stores by, where that is not the databases themselves. */
  through?: Partial<StoreUrls>;
}

export interface StoreUrls {
  legacy: string;
  modern: string;
}

/** MariaDB or MySQL as legacy, PostgreSQL as modern, empty tables for accounts, and a migration under way with one worker. */
export interface ProofEnvironment extends AsyncDisposable {
  account: ReturnType<typeof accountWritten>;
  /** It, and those of the other kinds. */
  accounts: readonly ReturnType<typeof accountWritten>[];
  migration: Migration;
  lockstep: Connected;
  /** Of the service that callers ask: this process, or where the worker is embedded that of the worker started last. */
  accountsOf(account: ReturnType<typeof accountWritten>): Writer & Reader;
  temporal: Client;
  /** Past everything that stands between. */
  direct: StoreUrls;
  /** What a process needs to work on it. */
  environment: NodeJS.ProcessEnv;
  /** Where it is embedded, the service around it. */
  worker: ProofWorker;
  /** Starts another worker; resolves when its process runs, not when it takes work. */
  startWorker(): Promise<ProofWorker>;
  /** For logs; it is kept after `keepFolder`. */
  folder: string;
  keepFolder(): void;
}

export async function createProofEnvironment(options: ProofEnvironmentOptions): Promise<ProofEnvironment> {
  const { servers, databases, pattern, also = [], phase, tables, settings = {}, way = 'group' } = options;
  await using resources = new AsyncDisposableStack();
  const direct = { legacy: databases.mysqlUrl, modern: databases.postgresqlUrl };
  const urls = { ...direct, ...options.through };
  await createTables(direct, [
    { legacy: 'witness', modern: 'witness' },
    accountFiles(pattern),
    ...also.map((other) => ({ ...accountFiles(other), suffix: suffixOf(other) })),
    ...(tables ? [{ legacy: tables, modern: tables }] : []),
  ]);

  const name = databases.name.replaceAll('_', '-').replace('test', 'proof');
  const { account, accounts, migration } = proofMigration(name, [pattern, ...also], settings, way);
  const environment = {
    ...process.env,
    LOCKSTEP_CONFIG: config,
    ...connecting(urls, servers),
    [migrationVariable]: name,
    [kindsVariable]: [pattern, ...also].join(','),
    [settingsVariable]: JSON.stringify(settings),
    [wayVariable]: way,
  };
  const prepared = resources.use(await prepareMigration(migration, environment));
  let service: ServiceProcess | null = null;
  const startService = async (given: NodeJS.ProcessEnv, log: string) => {
    service = await ServiceProcess.start(given, log);
    return service;
  };
  const start = way === 'embedded' ? startService : WorkerProcess.start;
  const workers = resources.use(new Workers<ProofWorker>(name, environment, start));
  const worker = await workers.start();
  await worker.ready();
  const lockstep = resources.use(await prepared.startedIn(phase));
  const release = resources.move();
  return {
    account,
    accounts,
    migration,
    lockstep,
    accountsOf: (entity) =>
      service
        ? remoteAccounts(async (call) => await service?.call(entity.name, call))
        : lockstep.repository(entity),
    temporal: prepared.temporal,
    direct,
    environment,
    worker,
    startWorker: () => workers.start(),
    folder: workers.folder,
    keepFolder: () => workers.keepFolder(),
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

interface Files {
  readonly legacy: string;
  readonly modern: string;
  readonly suffix?: string;
}

function accountFiles(kind: AccountKind): Files {
  const layout = layoutOf(kind);
  return {
    legacy: layout === 'row' ? 'account' : `account-${layout}`,
    modern: layout === 'lines' ? 'account-lines' : 'account',
  };
}

/** Files of SQL, one for each store; the suffix is added to the names of the accounts' tables. */
async function createTables(urls: StoreUrls, files: readonly Files[]): Promise<void> {
  const sql = async (file: string, suffix: string) => {
    const text = await readFile(join(import.meta.dirname, file), 'utf8');
    return text.replaceAll(/\b(acct|accounts)(?=_|\b)/g, `$1${suffix}`);
  };
  const legacy = await createConnection({ uri: urls.legacy, multipleStatements: true });
  const modern = new pg.Client({ connectionString: urls.modern });
  try {
    await modern.connect();
    for (const { suffix = '', ...names } of files) {
      await legacy.query(await sql(`${names.legacy}.legacy.sql`, suffix));
      await modern.query(await sql(`${names.modern}.modern.sql`, suffix));
    }
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
}
