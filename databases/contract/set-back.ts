import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { otherStore, routes } from '../../model/phase.ts';
import { isNewer, millisecondsOf, type Version, versionBeforeLockstep } from '../../model/version.ts';
import { currentState, type OpenMigration } from './current-state.ts';
import type { Marks } from './sightings.ts';

/** A store that is behind what was seen of it. */
export interface SetBack {
  readonly store: StoreName;
  /** ISO times: as of when the store is, and when it was seen last; null where it knows nothing of itself. */
  readonly at: string | null;
  readonly seenAt: string;
}

/** What the marks of the stores say. */
export interface Judgement {
  readonly setBack: readonly SetBack[];
  /** Why a store could not be judged, of those that receive writes. */
  readonly unavailable: ReadonlyMap<StoreName, LockstepError>;
}

/**
 * Looks for stores that were set back. Those that receive writes are judged, one that stands alone too, as long as the other may be
 * asked; one that cannot be reached is not.
 *
 * @param remembered the highest mark of each store that the caller has heard of; what is heard now is added. It tells a store
 *   that was set back while the other is away.
 */
export async function judgeStores(
  open: OpenMigration,
  remembered: Map<StoreName, Version> = new Map(),
): Promise<Judgement> {
  const { phase } = await currentState(open);
  const { primary, secondary } = routes[phase];
  const setBack: SetBack[] = [];
  const unavailable = new Map<StoreName, LockstepError>();
  if (phase === 'decommissioned') return { setBack, unavailable };
  for (const store of secondary === null ? [primary] : [primary, secondary]) {
    // What the other has seen is read first: the store's own mark may only have grown since.
    const other = await marksIn(open, otherStore(store));
    const own = await marksIn(open, store);
    if (own instanceof LockstepError) {
      unavailable.set(store, own);
      continue;
    }
    const seenByOther = other instanceof LockstepError ? versionBeforeLockstep : other.seen;
    const seen = newer(seenByOther, remembered.get(store) ?? versionBeforeLockstep);
    remembered.set(store, newer(seen, own.own));
    if (isNewer(seen, own.own)) setBack.push({ store, at: timeOf(own.own), seenAt: timeOf(seen) ?? '' });
  }
  return { setBack, unavailable };
}

/** Those that were set back, as far as can be told now. */
export async function setBackStores(open: OpenMigration): Promise<readonly SetBack[]> {
  return (await judgeStores(open)).setBack;
}

/** For a person: what happened, and what follows from it. */
export function setBackReason({ store, at, seenAt }: SetBack): string {
  const since = at === null ? 'knows nothing of this migration' : `is as of ${at}`;
  return `the ${store} store was set back: it ${since}, and was seen at ${seenAt}`;
}

/** The store was not asked: whatever it was for has had no effect there. */
export class StoreSetBack extends LockstepError {
  /** @param consequence what the store does not do until a person has decided */
  constructor(store: StoreName, reason: string, consequence: string) {
    const remedy = 'a person decides with lockstep reconcile --repair --from; see docs/restore.md';
    super('StoreUnavailable', `${reason}; it ${consequence} until then: ${remedy}`, {
      store,
      about: 'server',
      remedy,
    });
  }
}

async function marksIn(
  { migration, stores }: OpenMigration,
  store: StoreName,
): Promise<Marks | LockstepError> {
  return await stores[store].marks(migration.name).catch((error: unknown) => {
    if (isLockstepError(error, 'StoreUnavailable')) return error;
    throw error;
  });
}

function newer(one: Version, other: Version): Version {
  return isNewer(one, other) ? one : other;
}

function timeOf(mark: Version): string | null {
  return mark === versionBeforeLockstep ? null : new Date(millisecondsOf(mark)).toISOString();
}
