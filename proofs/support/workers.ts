import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerProcess } from '../../test/support/worker-process.ts';

const proofs = join(import.meta.dirname, '../../.lockstep/proofs');

/** Worker processes of one migration, with a folder for their log. */
export class Workers implements AsyncDisposable {
  readonly folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #started: WorkerProcess[] = [];
  #isKept = false;

  constructor(migration: string, environment: NodeJS.ProcessEnv) {
    mkdirSync(proofs, { recursive: true });
    this.folder = mkdtempSync(join(proofs, `${migration}-`));
    this.#environment = environment;
  }

  /** Resolves when the process runs, not when it takes work. */
  async start(): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(this.#environment, join(this.folder, 'worker.log'));
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
