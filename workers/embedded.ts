import { DefaultLogger, IllegalStateError, Runtime } from '@temporalio/worker';
import type { EmbeddedWorker } from '../client/service/embedded-worker.ts';
import { toldOf } from '../client/temporal/told.ts';
import type { Migration } from '../model/migration.ts';
import { Ahead } from './ahead.ts';
import { connectNative, runWorker } from './worker.ts';
import { WriteAhead } from './write-ahead.ts';

/** A worker of a migration in the process of a service, which ends it. */
export async function runEmbedded(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
): Promise<EmbeddedWorker> {
  leaveProcessToService();
  const connection = await connectNative(environment);
  try {
    const ahead = new Ahead();
    const log = () => {};
    const worker = await runWorker({ migration, environment, log, embedded: { connection, ahead } });
    worker.finished.catch(warnOfEnd);
    const writes = new WriteAhead(worker.activities, ahead);
    return {
      temporal: worker.temporal,
      isRunning: worker.isRunning,
      open: (...given) => ahead.open(...given),
      write: (...given) => writes.write(...given),
      takeOver: (...given) => writes.takeOver(...given),
      begun: (...given) => writes.begun(...given),
      close: async () => {
        await writes.settled();
        try {
          await worker.shutdown();
        } finally {
          await connection.close();
        }
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * A worker would end itself at SIGTERM, while the service still answers what it has taken. Its native part would write to the
 * service's stdout; it warns of what writes allow for, such as attempts that end late. A process that has set up Temporal's runtime itself
 * keeps it.
 */
function leaveProcessToService(): void {
  try {
    Runtime.install({
      shutdownSignals: [],
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
    });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

function warnOfEnd(error: unknown): void {
  const reason = toldOf(error);
  process.emitWarning(
    `the embedded worker has ended: ${reason}; writes now need another worker of the migration, restart this service`,
    { type: 'LockstepWarning' },
  );
}
