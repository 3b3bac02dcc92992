import { CancellationScope, log } from '@temporalio/workflow';
import type { StoreName } from '../model/failure.ts';
import {
  changesPrimary,
  changesWriteRoute,
  type DurableState,
  otherStore,
  type Phase,
  routes,
} from '../model/phase.ts';
import { briefly, bulkWithin, patient, within } from './activities.ts';
import { messageOf } from './failures.ts';
import type { MigrationState } from './messages.ts';

export interface PhaseChange {
  readonly migration: string;
  readonly next: Phase;
  /** How long writes may wait while the primary changes. */
  readonly drainLimitMs: number;
  /** The store that does not decide may be away: on the way back, or where the new route leaves it behind. */
  readonly mayLag: boolean;
}

/** Writes a phase (or a new share of the same one) to both stores, and to the state when both have it. */
export async function changePhase(state: MigrationState, change: PhaseChange): Promise<void> {
  const { migration, next } = change;
  if (changesPrimary(state.phase, next)) {
    await changeOfPrimary(state, change);
  } else {
    const epoch = changesWriteRoute(state.phase, next) ? state.epoch + 1 : state.epoch;
    const readPercent =
      next === 'switch-reads' && state.phase !== next ? startingReads(state.phase) : state.readPercent;
    // The store that decides comes last: until it has the new epoch, writes of the old route go on; after it, none does.
    const deciding = routes[next].primary;
    const target = { ...durable(migration, state), phase: next, epoch, readPercent };
    if (change.mayLag) await tell(otherStore(deciding), target);
    else await patient.writeState({ store: otherStore(deciding), state: target });
    await patient.writeState({ store: deciding, state: target });
    state.epoch = epoch;
    state.readPercent = readPercent;
  }
  state.phase = next;
}

/** Coming back from a modern primary, every read stays modern. */
function startingReads(from: Phase): number {
  return from === 'switch-primary' ? 100 : 0;
}

/**
 * A change of primary, as a saga: close both stores to new writes under a new epoch, drain what is owed, open under the new
 * primary. What fails on the way opens the old primary again, under a newer epoch still.
 */
async function changeOfPrimary(state: MigrationState, change: PhaseChange): Promise<void> {
  const { migration, next } = change;
  const until = Date.now() + change.drainLimitMs;
  const left = () => Math.max(1_000, until - Date.now());
  const from = routes[state.phase].primary;
  const to = otherStore(from);
  const closed: DurableState = { ...durable(migration, state), epoch: state.epoch + 1, open: false };
  const readPercent = next === 'switch-reads' ? startingReads(state.phase) : state.readPercent;
  const opened: DurableState = { ...closed, phase: next, epoch: closed.epoch + 1, open: true, readPercent };
  try {
    await within(left()).writeState({ store: from, state: closed });
    await within(left()).writeState({ store: to, state: closed });
    await bulkWithin(left()).drain({ primary: from, epoch: closed.epoch });
  } catch (error) {
    log.warn('the primary is not changed; the old one opens again', { reason: messageOf(error) });
    const reopened: DurableState = { ...durable(migration, state), epoch: closed.epoch + 1 };
    await CancellationScope.nonCancellable(async () => {
      // The old primary first: every write waits for it, and the other store may be what failed.
      await patient.writeState({ store: from, state: reopened });
      await tell(to, reopened);
    });
    state.epoch = reopened.epoch;
    throw error;
  }
  // From here there is only forward: the new primary may take its first write as soon as it has the state.
  await patient.writeState({ store: from, state: opened });
  await patient.writeState({ store: to, state: opened });
  state.epoch = opened.epoch;
  state.readPercent = readPercent;
}

/** Where the store does not answer, the first write that it fences out tells it. */
async function tell(store: StoreName, state: DurableState): Promise<void> {
  try {
    await briefly.writeState({ store, state });
  } catch (error) {
    log.warn('a store does not know the route yet', { store, epoch: state.epoch, reason: messageOf(error) });
  }
}

function durable(migration: string, state: MigrationState): DurableState {
  return {
    migration,
    phase: state.phase,
    epoch: state.epoch,
    open: true,
    readPercent: state.readPercent,
    writePercent: state.writePercent,
  };
}
