import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { EmbeddedWorker } from './embedded-worker.ts';

/** Throws `InvalidInput` where a choice of `connect` is none that there is. */
export function assertWorkerChoice({ worker, temporal }: { worker?: unknown; temporal?: unknown }): void {
  if (worker === undefined) return;
  if (worker !== 'embedded') {
    throw new LockstepError(
      'InvalidInput',
      `worker is ${JSON.stringify(worker) ?? String(worker)}; use 'embedded' for a worker in this process, ` +
        'or leave it out and run lockstep worker elsewhere',
    );
  }
  if (temporal !== undefined) {
    throw new LockstepError(
      'InvalidInput',
      "temporal is given beside worker: 'embedded', which has a client on the connection of its worker; " +
        'leave temporal out, and say by TEMPORAL_ADDRESS and the like where the server is',
    );
  }
}

/**
 * Its code and the package `@temporalio/worker` are loaded here, so that a service without it needs neither. Throws `NotPrepared`
 * with the command that installs the package where that is missing.
 */
export async function loadEmbedded(): Promise<
  (migration: Migration, environment: NodeJS.ProcessEnv) => Promise<EmbeddedWorker>
> {
  const { embeddedWorkers } = await import('../../workers/start.ts');
  return await embeddedWorkers();
}
