import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Turn, TurnLength } from './turn.ts';
import type { Place, Way } from './way.ts';
import type { Answer, Request } from './way-process.ts';

/** A way that is open in a process of its own, which closes it and ends when we are gone. */
export class RunningWay implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(way: Way, place: Place, seed: number): Promise<RunningWay> {
    const child = fork(join(import.meta.dirname, 'way-process.ts'), {
      execArgv: [],
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    const running = new RunningWay(child);
    try {
      await running.#ask({ open: place, file: way.file, seed });
    } catch (error) {
      await running[Symbol.asyncDispose]();
      throw error;
    }
    return running;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async turn(callers: number, length: TurnLength): Promise<Turn> {
    const turn = await this.#ask({ callers, length });
    if (turn === null) throw new Error('the process of a way answered a turn without figures');
    return turn;
  }

  async #ask(request: Request): Promise<Turn | null> {
    const child = this.#child;
    const leaving = new AbortController();
    const { signal } = leaving;
    try {
      child.send(request);
      const answer = await Promise.race([
        once(child, 'message', { signal }).then(([message]) => message as Answer),
        once(child, 'exit', { signal }).then(
          ([code]): Answer => ({ failed: `its process ended with ${code}` }),
        ),
      ]);
      if ('failed' in answer) throw new Error(answer.failed);
      return answer.done;
    } finally {
      leaving.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }
}
