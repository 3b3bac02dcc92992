import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import { hearing } from '../client/waits.ts';
import { serveHealth } from '../workers/health.ts';
import { assertInstalled } from '../workers/needed-packages.ts';
import { startWorker } from '../workers/start.ts';
import { Notices, noticeEveryMs } from './notices.ts';
import { openSession } from './session.ts';

const gaugeEveryMs = 2_000;
const parentEveryMs = 500;
/**
 * Where a machine has much memory, V8 lets the heap of a thread grow to hundreds of megabytes before it first looks for what is used no
 * more. Threads that run workflows leave a little of that with every write.
 */
const heapFlags = ['--max-semi-space-size=16', '--initial-old-space-size=64'];

export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run a worker until SIGTERM or SIGINT')
    .option('--health <port>', 'serve /live and /ready on this port')
    .option('--metrics <address>', 'serve Prometheus metrics on this address, such as 127.0.0.1:9464')
    .option('--bind <host>', 'address of the health endpoint', '127.0.0.1')
    .addOption(
      new Option(
        '--log-level <level>',
        "trace, debug, info, warn or error; the first two give much of Temporal's own",
      )
        .choices(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(async (given: WorkerFlags, command: Command) => {
      assertInstalled(['@temporalio/worker', 'pino']);
      for (const flag of heapFlags) setFlagsFromString(flag);
      const { migration } = await openSession(command);
      // Here and not above: no other command needs what this loads.
      const { createLogger, installRuntime } = await import('../workers/log.ts');
      const logger = createLogger(given.logLevel);
      installRuntime(logger, given.metrics ?? null);
      const notices = new Notices((line) => logger.info({ migration: migration.name }, line), noticeEveryMs);
      const worker = await hearing(notices, () =>
        startWorker(migration, {
          log: (message, fields) => logger.info(fields, message),
          gaugeEveryMs: given.metrics ? gaugeEveryMs : null,
        }),
      ).finally(() => notices.stop());
      const health = given.health
        ? await serveHealth(Number(given.health), given.bind, () => worker.reasons())
        : null;
      logger.info(
        { migration: migration.name, taskQueue: migration.taskQueue, health: health?.port },
        'worker running',
      );
      const parent = stopWithParent();
      // Temporal's runtime takes SIGTERM and SIGINT and lets the worker drain.
      await worker.finished.finally(() => clearInterval(parent));
      await health?.close();
      logger.info({ migration: migration.name }, 'worker stopped');
    });
}

/** npm and npx run a command in a shell, and end the shell alone when they are stopped. */
function stopWithParent(): NodeJS.Timeout | undefined {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, parentEveryMs);
  return watch.unref();
}

interface WorkerFlags {
  readonly health?: string;
  readonly metrics?: string;
  readonly bind: string;
  readonly logLevel: string;
}
