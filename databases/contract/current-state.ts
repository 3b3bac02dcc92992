import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';
import { type DurableState, newestState, routes } from '../../model/phase.ts';
import type { Stores } from './store.ts';

/** A migration whose stores are open. */
export interface OpenMigration {
  readonly migration: Migration;
  readonly stores: Stores;
}

/** The durable state of the highest epoch that can be read; both stores hold it, so one of them is enough. */
export async function currentState({ migration, stores }: OpenMigration): Promise<DurableState> {
  const reads = await Promise.allSettled([
    stores.legacy.readState(migration.name),
    stores.modern.readState(migration.name),
  ]);
  const [legacy, modern] = reads.map((read) => (read.status === 'fulfilled' ? read.value : null));
  const newest = newestState(legacy ?? null, modern ?? null);
  if (newest) return newest;
  const failed = reads.find((read) => read.status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  throw new LockstepError(
    'NotPrepared',
    `migration ${migration.name} has no state in either store; run lockstep prepare, then lockstep start`,
    { remedy: 'lockstep prepare && lockstep start' },
  );
}

/** The primary now. Before a migration has been prepared and started, legacy will. */
export async function primaryStore(open: OpenMigration): Promise<StoreName> {
  try {
    return routes[(await currentState(open)).phase].primary;
  } catch (error) {
    if (isLockstepError(error, 'NotPrepared')) return 'legacy';
    throw error;
  }
}
