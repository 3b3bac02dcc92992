import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { type DurableState, newestState, type Phase, routes } from '../../model/phase.ts';
import type { Store, Stores } from './store.ts';

/** A migration whose stores are open. */
export interface OpenMigration {
  readonly migration: Migration;
  readonly stores: Stores;
}

/** A store that hangs is waited for so long after the other has answered. */
const patienceMs = 1_000;

/** The durable state of the latest change that can be read; both stores hold it, so one of them is enough. */
export async function currentState(open: OpenMigration): Promise<DurableState> {
  return newestOf(open.migration, await readStates(open));
}

export interface ReadStates {
  readonly legacy: PromiseSettledResult<DurableState | null>;
  readonly modern: PromiseSettledResult<DurableState | null>;
}

export async function readStates({ migration, stores }: OpenMigration): Promise<ReadStates> {
  const reads = [stores.legacy.readState(migration.name), stores.modern.readState(migration.name)] as const;
  const late = (store: Store) =>
    Promise.any(reads).then(
      () =>
        new Promise<never>((_, reject) => {
          setTimeout(() => reject(hanging(store)), patienceMs).unref();
        }),
    );
  const [legacy, modern] = await Promise.allSettled([
    Promise.race([reads[0], late(stores.legacy)]),
    Promise.race([reads[1], late(stores.modern)]),
  ]);
  return { legacy, modern };
}

/** The latest state that this process has seen of each migration. */
const seen = new WeakMap<Migration, DurableState>();
/** Until it has seen one: the phase that the migration's workflow has told. */
const told = new WeakMap<Migration, Phase>();

/** For a process that starts: in which phase the migration is, whatever a store that is alone says. */
export function noteLeadingPhase(migration: Migration, phase: Phase): void {
  told.set(migration, phase);
}

/** The latest state that this process has seen; undefined before the first. */
export function seenState(migration: Migration): DurableState | undefined {
  return seen.get(migration);
}

/** Whether this process knows that the route is over. Only a store that was set back would take a write by it. */
export function isOvertakenRoute(migration: Migration, { epoch, primary }: WriteRoute): boolean {
  const last = seen.get(migration);
  if (last) return epoch < last.epoch;
  const phase = told.get(migration);
  return phase !== undefined && routes[phase].primary !== primary;
}

/**
 * Throws what kept a store from answering where neither has a state, and `StoreUnavailable` where the only one that answers
 * takes itself for the primary by an older route than this process knows: it was set back.
 */
export function newestOf(migration: Migration, { legacy, modern }: ReadStates): DurableState {
  const newest = newestState(
    legacy.status === 'fulfilled' ? legacy.value : null,
    modern.status === 'fulfilled' ? modern.value : null,
  );
  const failed = [legacy, modern].find((read) => read.status === 'rejected');
  if (newest) {
    const last = seen.get(migration);
    const phase = last?.phase ?? told.get(migration);
    if (failed && phase && isOvertaken(newest, phase, last)) throw setBack(newest, phase);
    seen.set(migration, newest);
    return newest;
  }
  if (failed?.status === 'rejected') throw failed.reason;
  throw new LockstepError(
    'NotPrepared',
    `migration ${migration.name} has no state in either store; run lockstep prepare, then lockstep start`,
    { remedy: 'lockstep prepare && lockstep start' },
  );
}

/** An older route that is closed, or has the same primary, does no harm. */
function isOvertaken(found: DurableState, known: Phase, last: DurableState | undefined): boolean {
  if (!found.open || (last && found.changeNumber >= last.changeNumber)) return false;
  return routes[found.phase].primary !== routes[known].primary;
}

function setBack({ migration, phase }: DurableState, known: Phase): LockstepError {
  return new LockstepError(
    'StoreUnavailable',
    `the only store that answers has ${migration} in ${phase}, with another primary than in ${known}, which came later: it was ` +
      'set back; bring the other store up, then see docs/restore.md',
  );
}

function hanging({ name, address }: Store): LockstepError {
  return new LockstepError(
    'StoreUnavailable',
    `the ${name} store at ${address} did not answer within ${patienceMs} ms of the other; look at the server, and at the network to it`,
    { store: name, about: 'network' },
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
