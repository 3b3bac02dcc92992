import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerProcess } from '../../../test/support/worker-process.ts';

interface Numbered {
  readonly number: number;
  readonly process: WorkerProcess;
}

/** The workers of the demo, so that one can be killed as a crash would. */
export class Workers {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #folder: string;
  readonly #running: Numbered[] = [];
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
    // That of an earlier demo.
    rmSync(log, { force: true });
    const process = await WorkerProcess.start(this.#environment, log);
    const worker = { number, process };
    this.#running.push(worker);
    await process.ready();
    return nameOf(worker);
  }

  async kill(): Promise<string> {
    const [worker] = this.#running.splice(0, 1);
    if (!worker) throw new Error('there is no worker to kill');
    await worker.process.kill();
    this.killed++;
    return nameOf(worker);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((worker) => worker.process.stop()));
  }

  describe(): string {
    return this.#running.map(nameOf).join(', ');
  }
}

function nameOf({ number, process }: Numbered): string {
  return `worker ${number} (pid ${process.pid})`;
}
