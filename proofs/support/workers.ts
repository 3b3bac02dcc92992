import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerProcess } from '../../test/support/worker-process.ts';

const proofs = join(import.meta.dirname, '../../.lockstep/proofs');

/** A process that does the work of a migration. */
export type ProofWorker = Pick<WorkerProcess, 'pid' | 'ready' | 'kill' | 'stop'>;

type Start<Started> = (environment: NodeJS.ProcessEnv, log: string) => Promise<Started>;

/** Worker processes of one migration, with a folder for their log. */
export class Workers<Started extends ProofWorker = WorkerProcess> implements AsyncDisposable {
  readonly folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #start: Start<Started>;
  readonly #started: Started[] = [];
  #isKept = false;

  constructor(migration: string, environment: NodeJS.ProcessEnv, start: Start<Started>) {
    mkdirSync(proofs, { recursive: true });
    this.folder = mkdtempSync(join(proofs, `${migration}-`));
    this.#environment = environment;
    this.#start = start;
  }

  /** Where all of them write. */
  get logFile(): string {
    return join(this.folder, 'worker.log');
  }

  /** Resolves when the process runs, not when it takes work. */
  async start(): Promise<Started> {
    const worker = await this.#start(this.#environment, this.logFile);
    this.#started.push(worker);
    return worker;
  }

  keepFolder(): void {
    this.#isKept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((worker) => worker.stop()));
    if (!this.#isKept) rmSync(this.folder, { recursive: true });
  }
}
