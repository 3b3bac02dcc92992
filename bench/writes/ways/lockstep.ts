import { connect } from '../../../client/service/connect.ts';
import { openStores } from '../../../databases/open.ts';
import type { Ack } from '../../../model/entity.ts';
import type { Settings } from '../../../model/settings.ts';
import { proofMigration } from '../../../proofs/account/migration.ts';
import type { WriteWay } from '../../../proofs/account/way.ts';
import type { OpenWay, Place } from '../way.ts';
import { sendingAgain } from './sending-again.ts';

const drainPollMs = 50;

/** A service of the place's migration, with these settings of its own. */
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
    write: (value) => sendingAgain((options) => repository.replace(value, { ack, ...options })),
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
