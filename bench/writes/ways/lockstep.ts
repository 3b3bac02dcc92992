import { randomUUID } from 'node:crypto';
import { connect } from '../../../client/service/connect.ts';
import { openStores } from '../../../databases/open.ts';
import type { Ack } from '../../../model/entity.ts';
import { LockstepError } from '../../../model/failure.ts';
import type { Settings } from '../../../model/settings.ts';
import { proofMigration } from '../../../proofs/account/migration.ts';
import type { WriteWay } from '../../../proofs/account/way.ts';
import type { OpenWay, Place } from '../way.ts';

/** A busy machine may take as long for 256 workflows. */
const timeoutMs = 180_000;
const pauseMs = 250;
const drainPollMs = 50;

/** A service of the place's migration, with these settings of its own. It sends again what has no known outcome, as a service should. */
export async function openLockstep(
  place: Place,
  settings: Settings,
  ack: Ack,
  way: WriteWay = 'group',
): Promise<OpenWay> {
  const { account, migration } = proofMigration(place.migration, ['primary-secondary'], settings, way);
  const lockstep = await connect(migration, {
    environment: place.environment,
    ...(way === 'embedded' && { worker: way }),
  });
  // What is asked of these is no part of what a write costs.
  const { legacy, modern } = place.direct;
  const stores = openStores(migration, {
    ...place.environment,
    LOCKSTEP_LEGACY_URL: legacy,
    LOCKSTEP_MODERN_URL: modern,
  });
  const repository = lockstep.repository(account);
  return {
    async write(value) {
      const operationId = randomUUID();
      const end = performance.now() + timeoutMs;
      for (;;) {
        try {
          return await repository.replace(value, { ack, timeoutMs, operationId });
        } catch (error) {
          if (!(error instanceof LockstepError) || !error.retryable || performance.now() > end) throw error;
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
    },
    async drained() {
      while ((await stores.legacy.journalBacklog(migration.name)).pending > 0)
        await new Promise((resolve) => setTimeout(resolve, drainPollMs));
    },
    async [Symbol.asyncDispose]() {
      await lockstep.close();
      await stores.legacy.close();
      await stores.modern.close();
    },
  };
}
