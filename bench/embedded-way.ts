import { connect } from '../client/service/connect.ts';
import type { Ack } from '../model/entity.ts';
import type { Settings } from '../model/settings.ts';
import type { Account } from '../proofs/account/account.ts';
import { createProofEnvironment } from '../proofs/account/environment.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import type { Setting } from './bench.ts';

/** Of a call: what a busy machine takes for 256 callers. */
const timeoutMs = 180_000;

export interface EmbeddedWay extends AsyncDisposable {
  write(account: Account, ack: Ack): Promise<unknown>;
}

/** Writes of a service with the worker in its process: a migration of its own, which no other worker serves. */
export async function embeddedWay(
  servers: Setting['servers'],
  settings: Settings = {},
): Promise<EmbeddedWay> {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const { account, migration, environment, worker } = building.use(
    await createProofEnvironment({
      servers,
      databases,
      pattern: 'primary-secondary',
      phase: 'dual-write',
      settings,
    }),
  );
  const lockstep = building.use(await connect(migration, { environment, worker: 'embedded' }));
  await worker.stop();
  // The migration ends with its workflow, which the other worker serves again.
  const repository = lockstep.repository(account);
  const release = building.move();
  return {
    write: (value, ack) => repository.replace(value, { ack, timeoutMs }),
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}
