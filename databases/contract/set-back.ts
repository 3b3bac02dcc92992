import type { StoreName } from '../../model/failure.ts';
import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { otherStore, routes } from '../../model/phase.ts';
import { isNewer, millisecondsOf, type Version, versionBeforeLockstep } from '../../model/version.ts';
import { currentState, type OpenMigration } from './current-state.ts';
import type { Marks } from './sightings.ts';

/** A store that is behind what the other has seen of it. */
export interface SetBack {
  readonly store: StoreName;
  /** ISO times: as of when the store is, and until when the other has seen it; null where it knows nothing of itself. */
  readonly at: string | null;
  readonly seenAt: string;
}

/** The stores that were set back, while both receive writes. One that cannot be reached is not judged. */
export async function setBackStores(open: OpenMigration): Promise<SetBack[]> {
  const { primary, secondary } = routes[(await currentState(open)).phase];
  const found: SetBack[] = [];
  if (secondary === null) return found;
  for (const store of [primary, secondary]) {
    // What the other has seen is read first: the store's own mark may only have grown since.
    const other = await marksIn(open, otherStore(store));
    const own = other && (await marksIn(open, store));
    if (own && isNewer(other.seen, own.own))
      found.push({ store, at: timeOf(own.own), seenAt: timeOf(other.seen) ?? '' });
  }
  return found;
}

/** For a person: what happened, and what follows from it. */
export function setBackReason({ store, at, seenAt }: SetBack): string {
  const since = at === null ? 'knows nothing of this migration' : `is as of ${at}`;
  return `the ${store} store was set back: it ${since}, and the ${otherStore(store)} store has seen it at ${seenAt}`;
}

async function marksIn({ migration, stores }: OpenMigration, store: StoreName): Promise<Marks | null> {
  return await stores[store].marks(migration.name).catch(nullWhereUnavailable);
}

function timeOf(mark: Version): string | null {
  return mark === versionBeforeLockstep ? null : new Date(millisecondsOf(mark)).toISOString();
}
