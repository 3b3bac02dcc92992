import type { Verdict } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { setBackReason, setBackStores } from '../../databases/contract/set-back.ts';
import { keyText } from '../../model/canonical.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import { type DurableState, otherStore } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { bringOutcomesBack } from '../migration/copy-outcomes.ts';
import type { PairedRoute } from '../write/converge.ts';
import { createKeyRepair, routeChanged } from './repair-keys.ts';

/** What a page of a repair came to. */
export interface RepairPage {
  readonly repaired: number;
  /** Differences that stay, with the reason beside them. */
  readonly left: number;
  /** Those of them that wait for a person to say which store is right. */
  readonly ahead: number;
  /** The text of the last key; null at the end. */
  readonly after: string | null;
}

/** What can be repaired: an unreadable row or ambiguous copies need a person. */
const repairable: readonly Verdict[] = ['missing', 'mismatch', 'extra', 'stale', 'ahead', 'refused'];
const keysPerPage = 200;

export function createRepairActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { repair } = createKeyRepair(context);

  /**
   * Goes through the differences that a comparison wrote down, a page at a time, and makes the stores equal: by the higher
   * version of a key, else as the primary has it. With `from`, a person has said whose row stands. Repeating it is harmless:
   * each key is looked at before and after. Throws `GateRefused` where the primary was set back and nobody has said whose.
   */
  async function repairDifferences(request: {
    entity: string;
    after: string | null;
    from: StoreName | null;
  }): Promise<RepairPage> {
    const { from } = request;
    const entity = entityNamed(migration, request.entity);
    const route = await repairRoute(from);
    return await withHeartbeat(async () => {
      const found = await stores[route.primary].unresolvedDifferences(migration.name, entity.name, {
        verdicts: repairable,
        after: request.after,
        limit: keysPerPage,
      });
      const keys = found.map((difference) => difference.key);
      const open = await repair(entity, keys, route, from);
      const stays = new Set(open.map(({ key }) => keyText(key)));
      const closed = keys.filter((key) => !stays.has(keyText(key)));
      await stores[route.primary].resolveDifferences(migration.name, entity.name, closed);
      const last = keys.length < keysPerPage ? undefined : keys.at(-1);
      return {
        repaired: closed.length,
        left: open.length,
        ahead: open.filter(({ verdict }) => verdict === 'ahead').length,
        after: last ? keyText(last) : null,
      };
    });
  }

  /**
   * The stores are equal again, all of them: neither counts as set back any more. Before it may take writes, a store gets back the
   * outcomes that its journal has lost.
   */
  async function forgetSetBack({ entities }: { readonly entities: readonly string[] }): Promise<void> {
    if (!migration.entities.every(({ name }) => entities.includes(name))) return;
    for (const { store } of await setBackStores(context)) {
      const { primary, epoch } = await giveRoute(await openState(), { mayStandAlone: true });
      await withHeartbeat(() => bringOutcomesBack(context, { store, primary, epoch }));
      const { seen } = await stores[otherStore(store)].marks(migration.name);
      await stores[store].raiseMark(migration.name, { to: seen, atLeast: '0' });
    }
  }

  async function repairRoute(from: StoreName | null): Promise<PairedRoute> {
    const state = await openState();
    if (from === null) await assertNotSetBack(routeOf(state).primary);
    return await giveRoute(state, { mayStandAlone: from !== null });
  }

  async function openState(): Promise<DurableState> {
    const state = await currentState(context);
    if (!state.open) throw routeChanged(migration.name);
    return state;
  }

  /**
   * A store that was set back past a change of route refuses everything until it has the route again.
   *
   * @param mayStandAlone whether a store that receives no writes any more is asked for what it still has
   */
  async function giveRoute(
    state: DurableState,
    { mayStandAlone }: { readonly mayStandAlone: boolean },
  ): Promise<PairedRoute> {
    const { secondary, ...route } = routeOf(state);
    if (secondary === null && !(mayStandAlone && (await setBackStores(context)).length > 0)) {
      throw new LockstepError(
        'GateRefused',
        `migration ${migration.name} is in phase ${state.phase}, in which only one store receives writes; there is nothing to repair`,
        { gate: 'phase', measured: { phase: state.phase } },
      );
    }
    const other = otherStore(route.primary);
    for (const store of [route.primary, other]) {
      const known = await stores[store].readState(migration.name);
      if (known === null || known.changeNumber < state.changeNumber) await stores[store].writeState(state);
    }
    return { ...route, secondary: other };
  }

  async function assertNotSetBack(primary: StoreName): Promise<void> {
    const found = (await setBackStores(context)).find(({ store }) => store === primary);
    if (!found) return;
    const other = otherStore(primary);
    throw new LockstepError(
      'GateRefused',
      `nothing is repaired: ${setBackReason(found)}. A repair would replace newer rows. To bring them back, ` +
        `run lockstep reconcile --repair --from ${other}; to give them up, --from ${primary}`,
      { gate: 'set-back', measured: { store: primary, at: found.at, seenAt: found.seenAt } },
    );
  }

  return { repairDifferences, forgetSetBack };
}
