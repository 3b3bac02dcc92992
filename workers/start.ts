import type { EmbeddedWorker } from '../client/service/embedded-worker.ts';
import type { Migration } from '../model/migration.ts';
import { assertInstalled } from './needed-packages.ts';
import type { RunningWorker } from './worker.ts';

export type { RunningWorker } from './worker.ts';

export interface WorkerOptions {
  /** Where connection strings are read from. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** Takes what is worth a line: no row content, no credentials. @default nothing is logged */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** How often the gauges (pending, parked, in doubt) are read; null reads none. @default null */
  readonly gaugeEveryMs?: number | null;
}

/**
 * Starts a worker of one migration in this process, and resolves when it takes work. It needs the package `@temporalio/worker`.
 * Throws `NotPrepared` where that is missing, `InvalidDefinition` where a connection string is, and `StoreUnavailable` where
 * Temporal does not answer.
 *
 * @example
 * const worker = await startWorker(migration);
 * process.once('SIGTERM', () => worker.shutdown());
 * await worker.finished;
 */
export async function startWorker(migration: Migration, options: WorkerOptions = {}): Promise<RunningWorker> {
  assertInstalled(['@temporalio/worker']);
  const { runWorker } = await import('./worker.ts');
  const { environment = process.env, log = () => {}, gaugeEveryMs = null } = options;
  return await runWorker({ migration, environment, log, gaugeEveryMs });
}

/** What starts a worker in the process of a service that writes there; throws as `startWorker` does where the package is missing. */
export async function embeddedWorkers(): Promise<
  (migration: Migration, environment: NodeJS.ProcessEnv) => Promise<EmbeddedWorker>
> {
  assertInstalled(['@temporalio/worker']);
  const { runEmbedded } = await import('./embedded.ts');
  return runEmbedded;
}
