import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { LockstepError } from '../../model/failure.ts';
import { OwnProcess } from '../../test/support/own-process.ts';
import type { ProofWorker } from '../support/workers.ts';
import type { AccountCall, Answer } from './calls.ts';

const stopWithinMs = 60_000;

/** A service with an embedded worker, in a process of its own, so that both can die as processes do. */
export class ServiceProcess extends OwnProcess implements ProofWorker {
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  #calls = 0;

  private constructor(child: ChildProcess, log: string) {
    super(child, 'service', stopWithinMs);
    this.#child = child;
    // Nobody may be waiting for it.
    this.#ready.promise.catch(() => undefined);
    child.on('message', (answer: Answer) => this.#hear(answer));
    child.once('exit', (code, signal) => {
      this.#ready.reject(
        new Error(`the service ended with ${code ?? signal} before it was ready; see ${log}`),
      );
      for (const { reject } of this.#asked.values()) reject(gone());
      this.#asked.clear();
    });
  }

  /** Resolves when its process runs; what it says is added to the file `log`. */
  static async start(environment: NodeJS.ProcessEnv, log: string): Promise<ServiceProcess> {
    const output = openSync(log, 'a');
    const child = fork(join(import.meta.dirname, 'service.ts'), {
      env: environment,
      execArgv: [],
      stdio: ['ignore', output, output, 'ipc'],
    });
    closeSync(output);
    return new ServiceProcess(child, log);
  }

  async ready(): Promise<void> {
    await this.#ready.promise;
  }

  /** Throws what the service did, and `OutcomeUnknown` where it is gone. */
  async call(entity: string, call: AccountCall): Promise<unknown> {
    if (!this.isRunning || !this.#child.connected) throw gone();
    const asked = Promise.withResolvers<unknown>();
    this.#calls += 1;
    this.#asked.set(this.#calls, asked);
    this.#child.send({ id: this.#calls, entity, call }, (error) => {
      if (error) asked.reject(gone());
    });
    return await asked.promise;
  }

  #hear(answer: Answer): void {
    if (answer === 'ready') {
      this.#ready.resolve();
      return;
    }
    const asked = this.#asked.get(answer.id);
    this.#asked.delete(answer.id);
    if ('done' in answer) {
      asked?.resolve(answer.done);
      return;
    }
    const { code, message } = answer.failed;
    asked?.reject(code === null ? new Error(message) : new LockstepError(code, message));
  }
}

function gone(): LockstepError {
  return new LockstepError('OutcomeUnknown', 'the service is gone, and gave no answer; send it again');
}
