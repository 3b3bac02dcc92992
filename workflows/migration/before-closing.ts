import type { StoreName } from '../../model/failure.ts';
import type { DurableState } from '../../model/phase.ts';
import { otherStore, routes } from '../../model/phase.ts';
import { elsewhere, longRunningElsewhere, switchingBounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import type { Condition } from '../messages.ts';
import { assertReachable, bothStores, met, type Passage, pass, unmet } from './condition.ts';
import { notSetBack, parkedCondition } from './gates.ts';
import type { PhaseChange } from './phase-change.ts';

/** For the fence, which waits for the writes that run. */
const lookMs = 5_000;

/**
 * Before a change of primary closes anything: what would keep writes waiting refuses the change, and no caller notices. Gives
 * the state that both stores have then.
 */
export async function prepareToClose(
  state: DurableState,
  passage: Passage,
  { next, drainLimitMs, numbered }: Pick<PhaseChange, 'next' | 'drainLimitMs' | 'numbered'>,
): Promise<DurableState> {
  await assertReachable(next);
  const { primary } = routes[state.phase];
  pass(next, await setBackConditions(primary), passage);
  const known = numbered(state);
  // The route as it is, once more: whatever holds the fence for long would hold the closing too.
  const write = (store: StoreName) => switchingBounded(lookMs).writeState({ store, state: known });
  pass(next, await fenceConditions(primary, write), passage);
  pass(next, await backlogConditions(primary, drainLimitMs), passage);
  // Most of what the drain would do, and a store that refuses it refuses in time.
  await switchingBounded(primeAheadMs).primeStore({ store: otherStore(primary) });
  await longRunningElsewhere.copyOutcomesAhead({ primary, epoch: known.epoch });
  return known;
}

const primeAheadMs = 60_000;

/** As `prepareToClose` asks for; nothing is changed. */
export async function closingConditions(
  { migration, phase }: Pick<DurableState, 'migration' | 'phase'>,
  { drainLimitMs }: Pick<PhaseChange, 'drainLimitMs'>,
): Promise<Condition[]> {
  const { primary } = routes[phase];
  const look = (store: StoreName) => switchingBounded(lookMs).lookAtFence({ store, migration });
  return [
    ...(await setBackConditions(primary)),
    ...(await fenceConditions(primary, look)),
    ...(await backlogConditions(primary, drainLimitMs)),
  ];
}

/** A way back from a primary that was set back leads to the store that has what it lost. */
async function setBackConditions(primary: StoreName): Promise<Condition[]> {
  const faults = await elsewhere.measureFaults({ needs: bothStores });
  return faults.setBack?.store === primary ? [] : [notSetBack(faults)];
}

/** @param take takes the fence of a store for a moment */
async function fenceConditions(
  primary: StoreName,
  take: (store: StoreName) => Promise<void>,
): Promise<Condition[]> {
  const wanted = `no transaction holds the fence for longer than ${lookMs} ms`;
  for (const store of [otherStore(primary), primary]) {
    try {
      await take(store);
    } catch (error) {
      const remedy = `a transaction holds the fence of the ${store} store; end it, then try again (${messageOf(error)})`;
      return [unmet('fence', { measured: { store, fence: 'held' }, wanted, remedy })];
    }
  }
  return [met('fence', { measured: { fence: 'free' }, wanted })];
}

async function backlogConditions(primary: StoreName, drainLimitMs: number): Promise<Condition[]> {
  const { pending, parked, backlogAgeMs } = await elsewhere.measureReadiness({ primary, needs: bothStores });
  const measured = { pending, parked, backlogAgeMs };
  const lag = {
    measured: { ...measured, drainLimitMs },
    wanted: `no write is owed for longer than ${drainLimitMs} ms`,
  };
  const remedy = 'the other store is further behind than writes may wait; see lockstep writes list';
  const isBehind = (backlogAgeMs ?? 0) > drainLimitMs;
  return [
    parkedCondition(measured, parked),
    isBehind ? unmet('lag', { ...lag, remedy }, true) : met('lag', lag, true),
  ];
}
