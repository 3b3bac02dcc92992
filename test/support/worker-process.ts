import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { OwnProcess } from './own-process.ts';

const program = join(import.meta.dirname, '../../cli/main.ts');
const readyWithinMs = 180_000;
const stopWithinMs = 30_000;

/** `lockstep worker` in a process of its own, so that it can die as processes do. */
export class WorkerProcess extends OwnProcess {
  readonly #log: string;
  readonly #healthPort: number;

  private constructor(child: ChildProcess, healthPort: number, log: string) {
    super(child, 'worker', stopWithinMs);
    this.#healthPort = healthPort;
    this.#log = log;
  }

  /**
   * Resolves when its process runs, not when it takes work. The environment names the migration (`LOCKSTEP_CONFIG`); what the
   * worker says is added to the file `log`.
   */
  static async start(
    environment: NodeJS.ProcessEnv,
    log: string,
    flags: readonly string[] = [],
  ): Promise<WorkerProcess> {
    const healthPort = await freePort();
    const output = openSync(log, 'a');
    const child = spawn(process.execPath, [program, 'worker', '--health', String(healthPort), ...flags], {
      env: environment,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    return new WorkerProcess(child, healthPort, log);
  }

  /** What its health endpoint answers. */
  async health(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.#healthPort}/ready`)).text();
  }

  /** Resolves when the worker takes work. */
  async ready(): Promise<void> {
    const end = Date.now() + readyWithinMs;
    while (this.isRunning && Date.now() < end) {
      const answer = await fetch(`http://127.0.0.1:${this.#healthPort}/ready`).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the worker (pid ${this.pid}) does not become ready; see ${this.#log}`);
  }
}
