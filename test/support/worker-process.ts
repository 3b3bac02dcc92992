import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { onLeaving } from './on-leaving.ts';

const program = join(import.meta.dirname, '../../cli/main.ts');
const readyWithinMs = 180_000;
const stopWithinMs = 30_000;

/** `lockstep worker` in a process of its own, so that it can die as processes do. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #healthPort: number;

  private constructor(child: ChildProcess, healthPort: number, log: string) {
    this.#child = child;
    this.#healthPort = healthPort;
    this.#log = log;
  }

  /**
   * Resolves when its process runs, not when it takes work. The environment names the migration (`LOCKSTEP_CONFIG`); what the
   * worker says is added to the file `log`.
   */
  static async start(environment: NodeJS.ProcessEnv, log: string): Promise<WorkerProcess> {
    const healthPort = await freePort();
    const output = openSync(log, 'a');
    const child = spawn(process.execPath, [program, 'worker', '--health', String(healthPort)], {
      env: environment,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    child.once(
      'exit',
      onLeaving(() => child.kill('SIGKILL')),
    );
    return new WorkerProcess(child, healthPort, log);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the worker could not be started');
    return this.#child.pid;
  }

  /** Resolves when the worker takes work. */
  async ready(): Promise<void> {
    const end = Date.now() + readyWithinMs;
    while (this.#isRunning() && Date.now() < end) {
      const answer = await fetch(`http://127.0.0.1:${this.#healthPort}/ready`).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the worker (pid ${this.#child.pid}) does not become ready; see ${this.#log}`);
  }

  /** SIGKILL: no goodbye and no clean-up, as when a machine dies. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    const force = setTimeout(() => this.#child.kill('SIGKILL'), stopWithinMs);
    await this.#end('SIGTERM');
    clearTimeout(force);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.#isRunning()) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}
