import { CancellationScope, log } from '@temporalio/workflow';
import type { StoreName } from '../../model/failure.ts';
import {
  changesPrimary,
  changesWriteRoute,
  type DurableState,
  otherStore,
  type Phase,
  routes,
} from '../../model/phase.ts';
import { bounded, localShort, longRunningBounded, unbounded } from '../activities.ts';
import { messageOf } from '../failures.ts';

export interface PhaseChange {
  readonly next: Phase;
  /** How long writes may wait while the primary changes. */
  readonly drainLimitMs: number;
  /** The store that is not the primary may be unavailable: on the way back, or where the new route leaves it behind. */
  readonly otherMayLag: boolean;
}

/** The primary stays as it was; the state is the one under which it is open again. */
export interface Reopened {
  readonly reopened: DurableState;
  readonly error: unknown;
}

/** Writes a phase, or new shares of the same one, to both stores. Gives the state that both have in the end. */
export async function changePhase(from: DurableState, change: PhaseChange): Promise<DurableState | Reopened> {
  const { next } = change;
  const readPercent =
    next === 'switch-reads' && from.phase !== next ? initialReadPercent(from.phase) : from.readPercent;
  if (changesPrimary(from.phase, next)) return await changePrimary({ ...from, readPercent }, from, change);
  const epoch = changesWriteRoute(from.phase, next) ? from.epoch + 1 : from.epoch;
  const target = { ...from, phase: next, epoch, readPercent };
  // The primary comes last: until it has the new epoch, writes of the old route go on; after it, none does.
  const { primary } = routes[next];
  if (change.otherMayLag) await notifyStore(otherStore(primary), target);
  else await unbounded.writeState({ store: otherStore(primary), state: target });
  await unbounded.writeState({ store: primary, state: target });
  return target;
}

/** Coming back from a modern primary, every read stays modern. */
function initialReadPercent(from: Phase): number {
  return from === 'switch-primary' ? 100 : 0;
}

/**
 * A change of primary, as a saga: close both stores to new writes under a new epoch, drain the pending writes, open under the
 * new primary. If a step before the opening fails, the old primary is opened again, under a newer epoch still.
 */
async function changePrimary(
  target: DurableState,
  before: DurableState,
  { next, drainLimitMs }: PhaseChange,
): Promise<DurableState | Reopened> {
  const until = Date.now() + drainLimitMs;
  const left = () => Math.max(1_000, until - Date.now());
  const from = routes[before.phase].primary;
  const to = otherStore(from);
  const closed: DurableState = { ...before, epoch: before.epoch + 1, open: false };
  try {
    await bounded(left()).writeState({ store: from, state: closed });
    await bounded(left()).writeState({ store: to, state: closed });
    await longRunningBounded(left()).drain({ primary: from, epoch: closed.epoch });
  } catch (error) {
    log.warn('the primary is not changed; the old one opens again', { reason: messageOf(error) });
    const reopened: DurableState = { ...before, epoch: closed.epoch + 1 };
    await CancellationScope.nonCancellable(async () => {
      // The old primary first: every write waits for it, and the other store may be what failed.
      await unbounded.writeState({ store: from, state: reopened });
      await notifyStore(to, reopened);
    });
    return { reopened, error };
  }
  // From here there is only forward: the new primary may take its first write as soon as it has the state.
  const opened: DurableState = { ...target, phase: next, epoch: closed.epoch + 1, open: true };
  await unbounded.writeState({ store: from, state: opened });
  await unbounded.writeState({ store: to, state: opened });
  return opened;
}

/** If the store does not answer, the first write that it fences out tells it. */
async function notifyStore(store: StoreName, state: DurableState): Promise<void> {
  try {
    await localShort.writeState({ store, state });
  } catch (error) {
    log.warn('a store does not know the route yet', { store, epoch: state.epoch, reason: messageOf(error) });
  }
}
