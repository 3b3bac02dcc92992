import { setFlagsFromString } from 'node:v8';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { hearing } from '../client/waits.ts';
import { serveHealth } from '../workers/health.ts';
import { metricsEndpoint } from '../workers/metrics-endpoint.ts';
import { assertInstalled } from '../workers/needed-packages.ts';
import { startWorker } from '../workers/start.ts';
import type { RunningWorker } from '../workers/worker.ts';
import { Notices, noticeEveryMs } from './notices.ts';
import { openSession } from './session.ts';

const gaugeEveryMs = 2_000;
const parentEveryMs = 500;
/**
 * Where a machine has much memory, V8 lets the heap of a thread grow to hundreds of megabytes before it first looks for what is used no
 * more, and to a multiple before it looks again. Threads that run workflows leave a little of that with every write.
 */
const heapFlags = ['--max-semi-space-size=16', '--initial-old-space-size=64', '--heap-growing-percent=25'];

export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run a worker until SIGTERM or SIGINT')
    .option(
      '--health <port>',
      'serve /live and /ready on this port; /ready is 503 with the reasons while stores or Temporal keep it from its work',
      portOf,
    )
    .option(
      '--metrics <address>',
      'serve Prometheus metrics on this address, such as 127.0.0.1:9464',
      addressOf,
    )
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
      let running: RunningWorker | null = null;
      // Before anything that would keep the process: an address that is taken ends it.
      await using health =
        given.health === undefined
          ? null
          : await serveHealth(
              given.health,
              given.bind,
              async () => (await running?.reasons()) ?? ['the worker is being started'],
            );
      const endpoint = given.metrics ? await metricsEndpoint(given.metrics) : null;
      await using _metrics = await endpoint?.serve();
      installRuntime(logger, endpoint?.source ?? null);
      const notices = new Notices((line) => logger.info({ migration: migration.name }, line), noticeEveryMs);
      const worker = await hearing(notices, () =>
        startWorker(migration, {
          log: (message, fields) => logger.info(fields, message),
          gaugeEveryMs: given.metrics ? gaugeEveryMs : null,
        }),
      ).finally(() => notices.stop());
      running = worker;
      logger.info(
        { migration: migration.name, taskQueue: migration.taskQueue, health: health?.port },
        'worker running',
      );
      whenToldToStop((again) => {
        if (again) logger.info('stopping: what runs is given time to end; SIGKILL ends it at once');
        // Its failure is that of `finished`.
        else worker.shutdown().catch(() => undefined);
      });
      await worker.finished;
      logger.info({ migration: migration.name }, 'worker stopped');
    });
}

/**
 * Signals come twice where npm or npx stand between: from the terminal, and passed on. A second one must not end what drains. Of a
 * signal that was sent to npm alone, only the end of its shell is seen.
 */
function whenToldToStop(stop: (again: boolean) => void): void {
  let told = false;
  const heard = () => {
    stop(told);
    told = true;
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, heard);
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    if (!told) heard();
  }, parentEveryMs);
  watch.unref();
}

interface Address {
  readonly host: string;
  readonly port: number;
}

const largestPort = 65_535;

function portOf(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= largestPort) return Number(text);
  throw new InvalidArgumentError(`use a port, a whole number up to ${largestPort}.`);
}

function addressOf(text: string): Address {
  const { host, port } = /^(?<host>[\w.-]+|\[[\da-f:.]+\]):(?<port>\d+)$/i.exec(text)?.groups ?? {};
  if (host === undefined || port === undefined)
    throw new InvalidArgumentError('use HOST:PORT, such as 127.0.0.1:9464.');
  return { host: host.replace(/^\[|\]$/g, ''), port: portOf(port) };
}

interface WorkerFlags {
  readonly health?: number;
  readonly metrics?: Address;
  readonly bind: string;
  readonly logLevel: string;
}
