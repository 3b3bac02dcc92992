import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onLeaving } from './on-leaving.ts';

/** A process that was started here: it ends with ours, and can die as processes do. */
export class OwnProcess {
  readonly #child: ChildProcess;
  readonly #what: string;
  readonly #stopWithinMs: number;

  /**
   * @param what it is, for messages: `worker`
   * @param stopWithinMs how long it may take to end at SIGTERM before it is killed
   */
  constructor(child: ChildProcess, what: string, stopWithinMs: number) {
    this.#child = child;
    this.#what = what;
    this.#stopWithinMs = stopWithinMs;
    child.once(
      'exit',
      onLeaving(() => child.kill('SIGKILL')),
    );
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`the ${this.#what} could not be started`);
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGKILL: no goodbye and no clean-up, as when a machine dies. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    const force = setTimeout(() => this.#child.kill('SIGKILL'), this.#stopWithinMs);
    await this.#end('SIGTERM');
    clearTimeout(force);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}
