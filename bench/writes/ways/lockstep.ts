import { connect } from '../../../client/service/connect.ts';
import type { Ack } from '../../../model/entity.ts';
import type { Settings } from '../../../model/settings.ts';
import { proofMigration } from '../../../proofs/account/migration.ts';
import type { OpenWay, Place } from '../way.ts';

/** A busy machine may take as long for 256 workflows. */
const timeoutMs = 180_000;

/** A service of the place's migration, with these settings of its own. */
export async function openLockstep(place: Place, settings: Settings, ack: Ack): Promise<OpenWay> {
  const { account, migration } = proofMigration(place.migration, ['primary-secondary'], settings);
  const lockstep = await connect(migration, { environment: place.environment });
  const repository = lockstep.repository(account);
  return {
    write: (value) => repository.replace(value, { ack, timeoutMs }),
    [Symbol.asyncDispose]: () => lockstep.close(),
  };
}
