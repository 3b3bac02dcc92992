import { CancellationScope, log, sleep } from '@temporalio/workflow';
import { failureIn } from '../../model/carried-failure.ts';
import type { StoreName } from '../../model/failure.ts';
import {
  changesPrimary,
  changesWriteRoute,
  type DurableState,
  otherStore,
  type Phase,
  routeLeaseMs,
  routes,
} from '../../model/phase.ts';
import { elsewhere, opening, switching, switchingBounded } from '../activities.ts';
import { failure, messageOf } from '../failures.ts';

export interface PhaseChange {
  readonly next: Phase;
  /** How long writes may wait while the primary changes. */
  readonly drainLimitMs: number;
  /** The store that is not the primary may be unavailable: on the way back, or where the new route leaves it behind. */
  readonly otherMayLag: boolean;
  /** Gives a state the number of the next change of the route. */
  numbered(state: DurableState): DurableState;
  /** Work that an operator may cancel; it fails then. */
  abortable<T>(work: () => Promise<T>): Promise<T>;
}

/** The primary stays as it was; the state is the one under which it is open again. */
export interface Reopened {
  readonly reopened: DurableState;
  readonly error: unknown;
}

/** So long the old primary is asked to open at once; if it does not answer, the first write that it fences out tells it. */
const notifyMs = 2_000;

/**
 * Writes a phase, or new shares of the same one, to both stores. Gives the state that both have in the end. Cancelling the
 * workflow does not interrupt it: no route is left half written.
 */
export async function changePhase(from: DurableState, change: PhaseChange): Promise<DurableState | Reopened> {
  return await CancellationScope.nonCancellable(() => writePhase(from, change));
}

async function writePhase(from: DurableState, change: PhaseChange): Promise<DurableState | Reopened> {
  const { next, numbered } = change;
  const readPercent =
    next === 'switch-reads' && from.phase !== next ? initialReadPercent(from.phase) : from.readPercent;
  if (changesPrimary(from.phase, next)) return await changePrimary({ ...from, readPercent }, from, change);
  // A service that still reads by an older route must not read from a store that receives no more writes.
  if (routes[from.phase].secondary !== null && routes[next].secondary === null) await sleep(routeLeaseMs);
  const epoch = changesWriteRoute(from.phase, next) ? from.epoch + 1 : from.epoch;
  const target = numbered({ ...from, phase: next, epoch, readPercent });
  // The primary comes last: until it has the new epoch, writes of the old route go on; after it, none does.
  const { primary } = routes[next];
  if (change.otherMayLag) await notifyStore(otherStore(primary), target);
  else await switching.writeState({ store: otherStore(primary), state: target });
  await switching.writeState({ store: primary, state: target });
  return target;
}

/** Coming back from a modern primary, every read stays modern. */
function initialReadPercent(from: Phase): number {
  return from === 'switch-primary' ? 100 : 0;
}

/**
 * A change of primary, as a saga: close both stores to new writes under a new epoch, drain the pending writes, let the new primary
 * count on above its rows, open it. If a step before the opening fails, the old primary is opened again, under a newer epoch still.
 */
async function changePrimary(
  target: DurableState,
  before: DurableState,
  { next, drainLimitMs, numbered, abortable }: PhaseChange,
): Promise<DurableState | Reopened> {
  const until = Date.now() + drainLimitMs;
  const withinLimit = () => switchingBounded(Math.max(1_000, until - Date.now()));
  const from = routes[before.phase].primary;
  const to = otherStore(from);
  const closed = numbered({ ...before, epoch: before.epoch + 1, open: false });
  try {
    await abortable(async () => {
      await withinLimit().writeState({ store: from, state: closed });
      await withinLimit().writeState({ store: to, state: closed });
      await withinLimit().drain({ primary: from, epoch: closed.epoch });
      await withinLimit().primeStore({ store: to });
    });
  } catch (error) {
    return await reopen(closed.epoch + 1, error);
  }
  // From here there is only forward. The new primary first: the old one is closed and takes nothing, whenever it hears of it.
  const opened = numbered({ ...target, phase: next, epoch: closed.epoch + 1, open: true });
  try {
    await opening.writeState({ store: to, state: opened, replaces: closed.changeNumber });
  } catch (error) {
    // It was set back since it was closed, so it lacks what was drained, and no opening can land there.
    if (failureIn(error)?.code !== 'Fenced') throw error;
    const why = `the ${to} store was set back while it was closed`;
    return await reopen(
      opened.epoch + 1,
      failure('GateRefused', `the primary cannot change: ${why}; see docs/restore.md`, {
        gate: 'set-back',
        reason: why,
      }),
    );
  }
  await notifyStore(from, opened);
  return opened;

  async function reopen(epoch: number, error: unknown): Promise<Reopened> {
    log.warn('the primary is not changed; the old one opens again', { reason: messageOf(error) });
    const reopened = numbered({ ...before, epoch });
    // The old primary first: every write waits for it, and the other store may be what failed.
    await switching.writeState({ store: from, state: reopened });
    await notifyStore(to, reopened);
    return { reopened, error };
  }
}

/**
 * A workflow that was lost while the primary changed may have sent an opening of the new primary that comes only now. After
 * this none can land there any more. Gives the state to go on from.
 *
 * @returns null where the store has heard of a later change than the one that was read: look again
 */
export async function closeBehindLost(
  states: Readonly<Record<StoreName, DurableState | null>>,
  closed: DurableState,
): Promise<DurableState | null> {
  const to = otherStore(routes[closed.phase].primary);
  try {
    await elsewhere.writeState({ store: to, state: closed, replaces: states[to]?.changeNumber ?? 0 });
    return closed;
  } catch (error) {
    log.warn('the route of a lost migration could not be taken over yet', { reason: messageOf(error) });
    return null;
  }
}

/** If the store does not answer, the first write that it fences out tells it. */
async function notifyStore(store: StoreName, state: DurableState): Promise<void> {
  try {
    await switchingBounded(notifyMs).writeState({ store, state });
  } catch (error) {
    log.warn('a store does not know the route yet', { store, epoch: state.epoch, reason: messageOf(error) });
  }
}
