import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { StoreName } from '../../model/failure.ts';
import { direct } from '../../test/databases/direct.ts';
import type { Connected } from '../../test/support/connect-both.ts';
import { connecting, createDatabasesOn, inRoles } from '../../test/support/databases.ts';
import { type Proxy as DatabaseProxy, proxy } from '../../test/support/proxy.ts';
import { transactionalFixture } from '../../test/support/transactions.ts';
import { prepareMigration } from '../support/prepared-migration.ts';
import { matrixMigration, matrixMigrationVariable } from './migration.ts';

const program = join(import.meta.dirname, 'worker.ts');
const folder = join(import.meta.dirname, '../../.lockstep/proofs');

interface MatrixWorker {
  /** Resolves when so many transactions of this worker stand still. */
  stopped(count: number): Promise<void>;
  goOn(): void;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** A migration in dual-write, with its databases behind proxies. */
export interface MatrixEnvironment extends AsyncDisposable {
  readonly migration: string;
  readonly lockstep: Connected;
  /** The databases themselves. */
  readonly urls: Readonly<Record<StoreName, string>>;
  readonly proxies: Readonly<Record<StoreName, DatabaseProxy>>;
  worker(options: { stops: boolean }): Promise<MatrixWorker>;
}

export async function createMatrixEnvironment(
  servers: Servers,
  from: 'mysql' | 'postgresql',
): Promise<MatrixEnvironment> {
  await using resources = new AsyncDisposableStack();
  const databases = resources.use(await createDatabasesOn(servers));
  const urls = inRoles(databases, from);
  for (const store of ['legacy', 'modern'] as const) {
    const at = await direct(urls[store]);
    for (const statement of transactionalFixture.tables[store]) await at.rows(statement);
    await at.end();
  }
  const proxies = {
    legacy: resources.use(await proxy(urls.legacy)),
    modern: resources.use(await proxy(urls.modern)),
  };
  const migration = matrixMigration(databases.name.replaceAll('_', '-').replace('test', 'matrix'));
  const environment = {
    ...process.env,
    ...connecting({ legacy: proxies.legacy.url, modern: proxies.modern.url }, servers),
    [matrixMigrationVariable]: migration.name,
  };
  const prepared = resources.use(await prepareMigration(migration, environment));
  const workers: MatrixWorker[] = [];
  resources.defer(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  });
  const worker = async ({ stops }: { stops: boolean }) => {
    const started = await startWorker(environment, stops);
    workers.push(started);
    return started;
  };
  const first = await worker({ stops: false });
  const lockstep = resources.use(await prepared.startedIn('dual-write'));
  await first.stop();
  const release = resources.move();
  return {
    migration: migration.name,
    lockstep,
    urls,
    proxies,
    worker,
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

async function startWorker(environment: NodeJS.ProcessEnv, stops: boolean): Promise<MatrixWorker> {
  mkdirSync(folder, { recursive: true });
  const output = openSync(join(folder, 'matrix-worker.log'), 'a');
  const child = fork(program, stops ? ['--stops'] : [], {
    env: environment,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  let standing = 0;
  child.on('message', (message: { stopped?: string }) => {
    if (message.stopped) standing += 1;
  });
  await once(child, 'message');
  return {
    async stopped(count) {
      const end = Date.now() + 60_000;
      while (standing < count) {
        if (Date.now() > end) throw new Error(`${standing} of ${count} transactions stand still`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    goOn: () => void child.send('go on'),
    kill: () => ended(child, 'SIGKILL'),
    stop: () => ended(child, 'SIGTERM'),
  };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(force);
}
