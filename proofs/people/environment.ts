import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { ConnectOptions } from '../../client/service/connect.ts';
import type { Stores } from '../../databases/contract/store.ts';
import { openStores } from '../../databases/open.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { Entry } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { Connected } from '../../test/support/connect-both.ts';
import { connecting, createDatabasesOn, inRoles } from '../../test/support/databases.ts';
import { writeFirstRoute } from '../../test/support/first-route.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import type { BackfillInput } from '../../workflows/backfill/run.ts';
import {
  type BackfillProgress,
  backfillProgress,
  backfillWorkflowId,
  setPaused,
} from '../../workflows/messages.ts';
import { prepareMigration } from '../support/prepared-migration.ts';
import { Workers } from '../support/workers.ts';
import { type Form, peopleEnvironment, peopleMigration, peopleTables } from './people.ts';
import { run } from './rows.ts';

const config = join(import.meta.dirname, 'lockstep.config.ts');

type BackfillWorkflow = (input: BackfillInput) => Promise<BackfillProgress>;

export interface PeopleOptions {
  servers: Servers;
  form: Form;
  /** Default: by a workflow. */
  entry?: Entry;
  /** The engine of the legacy store; modern has the other one. */
  from: 'mysql' | 'postgresql';
}

interface RunningBackfill {
  result(): Promise<BackfillProgress>;
  progress(): Promise<BackfillProgress>;
  pause(paused: boolean): Promise<void>;
  /** Ends it wherever it stands; its checkpoints stay. */
  end(): Promise<void>;
}

/** Two databases with empty tables of people, in the phase `backfill`; workers are processes of their own. */
export interface PeopleEnvironment extends AsyncDisposable {
  readonly migration: Migration;
  readonly urls: Readonly<Record<StoreName, string>>;
  readonly stores: Stores;
  readonly temporal: Client;
  readonly folder: string;
  startWorker(): Promise<WorkerProcess>;
  connect(options?: Pick<ConnectOptions, 'worker'>): Promise<Connected>;
  /** Empties the modern tables and forgets everything about them. */
  clear(): Promise<void>;
  /** Starts the workflow that the migration would start. */
  start(input?: Partial<BackfillInput>): Promise<RunningBackfill>;
}

export async function createPeopleEnvironment({
  servers,
  form,
  entry = 'workflow',
  from,
}: PeopleOptions): Promise<PeopleEnvironment> {
  await using resources = new AsyncDisposableStack();
  const databases = resources.use(await createDatabasesOn(servers));
  const urls = inRoles(databases, from);
  const name = databases.name.replaceAll('_', '-').replace('test', 'people');
  const migration = peopleMigration(name, { form, entry });
  const environment = {
    ...process.env,
    LOCKSTEP_CONFIG: config,
    ...connecting(urls, servers),
    ...peopleEnvironment(name, { form, entry }),
  };
  await run(databases.mysqlUrl, peopleTables.mysql);
  await run(databases.postgresqlUrl, peopleTables.postgresql);
  const prepared = resources.use(await prepareMigration(migration, environment));
  const { temporal } = prepared;
  const stores = openStores(migration, environment);
  resources.defer(async () => {
    await stores.legacy.close();
    await stores.modern.close();
  });
  await writeFirstRoute(stores, migration.name, 'backfill');
  const workflowId = backfillWorkflowId(name);
  const workers = resources.use(new Workers(name, environment, WorkerProcess.start));
  const release = resources.move();
  return {
    migration,
    urls,
    stores,
    temporal,
    folder: workers.folder,
    startWorker: () => workers.start(),
    connect: prepared.connect,
    async clear() {
      const tables = form === 'map' ? ['people'] : ['persons', 'ledgers'];
      await run(
        urls.modern,
        tables.map((table) => `TRUNCATE TABLE ${table}`),
      );
      await stores.modern.clearChunks(name, null);
    },
    async start(input = {}) {
      const handle = await temporal.workflow.start<BackfillWorkflow>('backfill', {
        workflowId,
        taskQueue: migration.taskQueue,
        args: [
          {
            migration: name,
            entities: ['person'],
            parallel: migration.policy.backfillParallel,
            paused: false,
            rate: null,
            carried: null,
            ...input,
          },
        ],
      });
      const pause = (paused: boolean) => handle.signal(setPaused, paused);
      return {
        result: () => handle.result(),
        progress: () => handle.query(backfillProgress),
        pause,
        async end() {
          const { status } = await handle.describe();
          if (status.name !== 'RUNNING') return;
          // So that its activities learn of it soon.
          await pause(true);
          await handle.terminate();
        },
      };
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}
