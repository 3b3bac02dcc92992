import { currentState } from '../../databases/contract/current-state.ts';
import {
  assertSound,
  type Decision,
  type JournalEntry,
  type SoundEntry,
} from '../../databases/contract/journal.ts';
import type { JournaledOperation } from '../../databases/deciding/write-result.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import { createVersionBumper } from '../comparison/bump-version.ts';
import { createDifferenceClassifier, isAhead } from '../comparison/classify-difference.ts';
import type { ActivityContext } from '../context.ts';
import { convergeKeys, type PairedRoute } from './converge.ts';

/** `refused`: the secondary takes the primary's truth no more than it takes other writes; a person has to look. */
export type Resolution =
  | { readonly status: 'settled'; readonly decision: Decision['status'] | null }
  | { readonly status: 'refused'; readonly message: string };

const staleBaseAttempts = 10;
/** What is tentative gives a record no version: only a primary that was set back can be behind it. */
const aheadReason =
  'the secondary has a newer version of the key than the primary, which may have been set back; take it back with lockstep reconcile --repair --from, then retry';

/**
 * Makes good what a secondary took before the primary decided (`parallel`). The primary's journal says what it decided, and its
 * rows say what the secondary is brought back to: a new version there, then `converge`. What the secondary had before is
 * never asked, so that no write that came between is lost, whoever does it and however often.
 */
export function createTentativeResolver(context: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  const { migration, stores } = context;
  const { compareKeys } = createDifferenceClassifier(context);
  const { bumpVersion } = createVersionBumper(context);

  /**
   * While both stores are open: the id is closed in both first, so that no try that still runs takes effect afterwards.
   */
  async function resolve(operation: JournaledOperation, route: PairedRoute): Promise<Resolution> {
    const decided = await stores[route.primary].abort(operation, migration.name, {
      primary: { epoch: route.epoch },
    });
    const taken = await stores[route.secondary].abort(operation, migration.name);
    return await settle(operation, decided, route, { isTaken: isOpen(taken), closed: false });
  }

  /**
   * While the primary changes, under the epoch that closed both stores: no try runs any more. An id that the old primary does not
   * know is left free, so that the write goes on at the new one.
   */
  async function resolveClosed(
    entries: readonly JournalEntry[],
    route: PairedRoute,
  ): Promise<Map<string, Resolution>> {
    if (entries.length === 0) return new Map();
    const ids = entries.map(({ id }) => id);
    const found = await stores[route.primary].journal({ migration: migration.name, ids, limit: ids.length });
    const decisions = new Map(found.map((entry) => [entry.id, entry]));
    const resolutions = new Map<string, Resolution>();
    for (const entry of entries) {
      const decided = decisions.get(entry.id) ?? null;
      if (decided) assertSound(decided, route.primary);
      resolutions.set(entry.id, await settle(entry, decided, route, { isTaken: true, closed: true }));
    }
    return resolutions;
  }

  async function settle(
    operation: JournaledOperation,
    decided: SoundEntry | null,
    route: PairedRoute,
    { isTaken, closed }: { isTaken: boolean; closed: boolean },
  ): Promise<Resolution> {
    const secondary = stores[route.secondary];
    const decision = decided && decisionOf(decided);
    if (isTaken) {
      // What was decided long ago is not on its way, and the rows of a repeat are older than what came since.
      const which = decision?.status === 'completed' ? 'of equal versions' : 'all';
      const refused = await bringBack(operation, route, { closed, which });
      if (refused !== null) {
        await secondary.recordAttempt([operation.id], 'CompensationFailed', refused);
        return { status: 'refused', message: refused };
      }
    }
    if (decision) await secondary.settleTentative(operation.id, decision);
    else await secondary.forgetTentative(operation.id);
    return { status: 'settled', decision: decision?.status ?? null };
  }

  /**
   * Gives the secondary what the primary has, under a version that is new to both. Why the secondary does not take it; null
   * where it does.
   *
   * @param options `of equal versions` leaves alone what converging brings by itself
   */
  async function bringBack(
    { id, entity: name, key }: Pick<JournaledOperation, 'id' | 'entity' | 'key'>,
    route: PairedRoute,
    { closed, which }: { readonly closed: boolean; readonly which: 'all' | 'of equal versions' },
  ): Promise<string | null> {
    const entity = entityNamed(migration, name);
    for (let attempt = 1; attempt <= staleBaseAttempts; attempt++) {
      const [finding] = await compareKeys(entity, [key], route);
      if (!finding) throw new TypeError('a comparison gave nothing for its key');
      if (finding.verdict === null) return null;
      if (finding.primary.unreadable !== null) return finding.primary.unreadable;
      if (isAhead(finding)) return aheadReason;
      if (which === 'of equal versions' && finding.primary.version !== finding.secondary.version) return null;
      // A write that came between has its own version, and is what the secondary is brought to.
      if ((await bumpVersion(entity, finding, route, { closed })) === 'stale-base') continue;
      const [converged] = await convergeKeys(context, entity, [key], route);
      if (converged?.status === 'refused' || converged?.status === 'conflict') return converged.message;
      if (converged?.status !== 'converged') {
        throw new LockstepError(
          'Fenced',
          `the route of ${migration.name} changed while operation ${id} was undone`,
        );
      }
      return null;
    }
    throw new LockstepError(
      'WriteConflict',
      `the key of operation ${id} kept changing while it was undone; it is tried again`,
      { entity: entity.name, operationId: id },
    );
  }

  return { resolve, resolveClosed, bringBack };
}

export function createTentativeActivities(context: ActivityContext) {
  const { migration } = context;
  const { resolve } = createTentativeResolver(context);

  /**
   * Settles what a store took of an operation that its primary has not accepted. Once that store is the primary itself, the change
   * has settled it before.
   */
  async function resolveTentative(request: {
    operation: JournaledOperation;
    store: StoreName;
  }): Promise<Resolution> {
    const { operation, store } = request;
    const state = await currentState(context);
    if (!state.open) {
      throw new LockstepError(
        'Fenced',
        `operation ${operation.id} waits: the primary of ${migration.name} is being changed, which settles it`,
      );
    }
    const { epoch, primary } = routeOf(state);
    if (primary === store) return { status: 'settled', decision: null };
    return await resolve(operation, { epoch, primary, secondary: store });
  }

  return { resolveTentative };
}

function isOpen({ status }: JournalEntry): boolean {
  return status === 'tentative' || status === 'parked';
}

/** What is still to be replicated has been decided all the same: its own entry sees to it. */
function decisionOf({ id, status, version, reason, refusal }: SoundEntry): Decision {
  switch (status) {
    case 'tentative':
      throw new LockstepError(
        'Fenced',
        `operation ${id} is tentative in the store that decides; the change of primary has to settle it first`,
      );
    case 'pending':
    case 'parked':
    case 'completed':
    case 'discarded':
      return { status: 'completed', version, reason: null, refusal: null };
    default:
      return { status, version, reason, refusal };
  }
}
