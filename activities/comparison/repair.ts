import type { Verdict } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { keyText } from '../../model/canonical.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import type { PairedRoute } from '../write/converge.ts';
import { createKeyRepair, routeChanged } from './repair-keys.ts';

/** What a page of a repair came to. */
export interface RepairPage {
  readonly repaired: number;
  /** Differences that stay, with the reason beside them. */
  readonly left: number;
  /** The text of the last key; null at the end. */
  readonly after: string | null;
}

/** What can be repaired: an unreadable row or ambiguous copies need a person. */
const repairable: readonly Verdict[] = ['missing', 'mismatch', 'extra', 'stale', 'refused'];
const keysPerPage = 200;

export function createRepairActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { repair } = createKeyRepair(context);

  /**
   * Goes through the differences that a comparison wrote down, a page at a time, and makes the secondary equal to the
   * primary. Repeating it is harmless: each key is looked at before and after.
   */
  async function repairDifferences(request: { entity: string; after: string | null }): Promise<RepairPage> {
    const entity = entityNamed(migration, request.entity);
    const route = await repairRoute();
    return await withHeartbeat(async () => {
      const found = await stores[route.primary].unresolvedDifferences(migration.name, entity.name, {
        verdicts: repairable,
        after: request.after,
        limit: keysPerPage,
      });
      const keys = found.map((difference) => difference.key);
      const open = await repair(entity, keys, route);
      const stays = new Set(open.map(({ key }) => keyText(key)));
      const closed = keys.filter((key) => !stays.has(keyText(key)));
      await stores[route.primary].resolveDifferences(migration.name, entity.name, closed);
      const last = keys.length < keysPerPage ? undefined : keys.at(-1);
      return { repaired: closed.length, left: open.length, after: last ? keyText(last) : null };
    });
  }

  async function repairRoute(): Promise<PairedRoute> {
    const state = await currentState(context);
    const { secondary, ...route } = routeOf(state);
    if (!state.open) throw routeChanged(migration.name);
    if (secondary !== null) return { ...route, secondary };
    throw new LockstepError(
      'GateRefused',
      `migration ${migration.name} is in phase ${state.phase}, in which only one store receives writes; there is nothing to repair`,
      { gate: 'phase', measured: { phase: state.phase } },
    );
  }

  return { repairDifferences };
}
