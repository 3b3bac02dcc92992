import type { DurableState, Phase } from '../../model/phase.ts';
import { otherStore, routes } from '../../model/phase.ts';
import { longRunningFailFast, switchingBounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { assertNotSetBack, assertReachable, refused } from './gates.ts';
import type { PhaseChange } from './phase-change.ts';

/** One statement of each store, and the fence, which waits for the writes that run. */
const lookMs = 5_000;

/**
 * Before a change of primary closes anything: what would keep writes waiting refuses the change, and no caller notices. Gives
 * the state that both stores have then.
 */
export async function prepareToClose(
  state: DurableState,
  { next, drainLimitMs, numbered }: Pick<PhaseChange, 'next' | 'drainLimitMs' | 'numbered'>,
): Promise<DurableState> {
  await assertReachable(next);
  const { primary } = routes[state.phase];
  const faults = await switchingBounded(lookMs).measureFaults();
  // A way back from a primary that was set back leads to the store that has what it lost.
  if (faults.setBack?.store !== primary) assertNotSetBack(next, faults);
  const known = await rehearse(numbered(state), next);
  const { pending, parked, backlogAgeMs } = await switchingBounded(lookMs).measureReadiness({ primary });
  const measured = { pending, parked, backlogAgeMs };
  if (parked > 0) throw refused(next, measured, 'writes are parked; resolve them with lockstep writes');
  if ((backlogAgeMs ?? 0) > drainLimitMs) {
    throw refused(
      next,
      { ...measured, drainLimitMs },
      'the other store is further behind than writes may wait; see lockstep writes list',
    );
  }
  await longRunningFailFast.copyOutcomesAhead({ primary, epoch: known.epoch });
  return known;
}

/** Writes the route as it is once more: whatever holds the fence for long would hold the closing too. */
async function rehearse(state: DurableState, next: Phase): Promise<DurableState> {
  const { primary } = routes[state.phase];
  for (const store of [otherStore(primary), primary]) {
    try {
      await switchingBounded(lookMs).writeState({ store, state });
    } catch (error) {
      throw refused(
        next,
        { store, fence: 'held' },
        `a transaction holds the fence of the ${store} store; end it, then try again (${messageOf(error)})`,
      );
    }
  }
  return state;
}
