import type { Client } from '@temporalio/client';
import { prepareStores, registerSearchAttributes } from '../../client/operator/prepare.ts';
import type { ConnectOptions } from '../../client/service/connect.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import type { Migration } from '../../model/migration.ts';
import type { Phase } from '../../model/phase.ts';
import { advanceTo } from '../../test/support/advance.ts';
import { type Connected, connectBoth } from '../../test/support/connect-both.ts';
import { endMigration } from '../../test/support/end-migration.ts';

/** A migration whose stores are prepared, without workflow or worker. What it leaves in Temporal ends with it. */
export interface PreparedMigration extends AsyncDisposable {
  readonly temporal: Client;
  connect(options?: Pick<ConnectOptions, 'worker'>): Promise<Connected>;
  /** Starts its workflow, which needs a worker, and takes it to a phase. The caller closes the connection. */
  startedIn(phase: Phase): Promise<Connected>;
}

export async function prepareMigration(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
): Promise<PreparedMigration> {
  await using resources = new AsyncDisposableStack();
  await prepareStores(migration, environment);
  const temporal = await connectTemporal(environment);
  resources.defer(() => temporal.connection.close());
  await registerSearchAttributes(temporal);
  resources.defer(() => endMigration(temporal, migration));
  const release = resources.move();
  // A worker in this process has a client of its own.
  const connected = ({ worker }: Pick<ConnectOptions, 'worker'> = {}) =>
    connectBoth(migration, { environment, ...(worker ? { worker } : { temporal }) });
  return {
    temporal,
    connect: connected,
    async startedIn(phase) {
      await using starting = new AsyncDisposableStack();
      const lockstep = starting.use(await connected());
      await lockstep.control.start();
      await advanceTo(lockstep, phase);
      starting.move();
      return lockstep;
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}
