import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../../cli/main.ts');
const config = join(import.meta.dirname, '../lockstep.config.ts');
const readyWithinMs = 60_000;
const stopWithinMs = 30_000;

interface WorkerProcess {
  readonly number: number;
  readonly process: ChildProcess;
  readonly healthPort: number;
  readonly log: string;
}

/** Workers as processes of their own, so that one can be killed as a crash would. */
export class Workers {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #folder: string;
  readonly #running: WorkerProcess[] = [];
  #started = 0;
  killed = 0;

  constructor(environment: NodeJS.ProcessEnv, folder: string) {
    this.#environment = environment;
    this.#folder = folder;
  }

  /** Resolves when the worker takes work. */
  async start(): Promise<string> {
    this.#started++;
    const number = this.#started;
    const log = join(this.#folder, `worker-${number}.log`);
    const output = openSync(log, 'w');
    const healthPort = await freePort();
    const child = spawn(
      process.execPath,
      [program, 'worker', '--config', config, '--health', String(healthPort)],
      { env: this.#environment, stdio: ['ignore', output, output] },
    );
    const worker = { number, process: child, healthPort, log };
    this.#running.push(worker);
    await ready(worker);
    return nameOf(worker);
  }

  /** SIGKILL: no goodbye, no clean-up, as when a machine dies. */
  async kill(): Promise<string> {
    const [worker] = this.#running.splice(0, 1);
    if (!worker) throw new Error('there is no worker to kill');
    const gone = once(worker.process, 'exit');
    worker.process.kill('SIGKILL');
    await gone;
    this.killed++;
    return nameOf(worker);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(stopped));
  }

  describe(): string {
    return this.#running.map(nameOf).join(', ');
  }
}

function nameOf({ number, process: child }: WorkerProcess): string {
  return `worker ${number} (pid ${child.pid})`;
}

async function ready(worker: WorkerProcess): Promise<void> {
  const end = Date.now() + readyWithinMs;
  while (Date.now() < end) {
    if (worker.process.exitCode !== null) break;
    const answer = await fetch(`http://127.0.0.1:${worker.healthPort}/ready`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${nameOf(worker)} does not become ready; see ${worker.log}`);
}

async function stopped({ process: child }: WorkerProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await gone;
  clearTimeout(force);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
