import { CancellationScope, log } from '@temporalio/workflow';
import {
  changesPrimary,
  changesWriteRoute,
  type DurableState,
  otherStore,
  type Phase,
  routes,
} from '../model/phase.ts';
import { bulkWithin, patient, within } from './activities.ts';
import { messageOf } from './failures.ts';
import type { MigrationState } from './messages.ts';

const drainLimitMs = 120_000;

/** Writes a phase (or a new share of the same one) to both stores, and to the state when both have it. */
export async function changePhase(migration: string, state: MigrationState, next: Phase): Promise<void> {
  if (changesPrimary(state.phase, next)) {
    await changeOfPrimary(migration, state, next);
  } else {
    const epoch = changesWriteRoute(state.phase, next) ? state.epoch + 1 : state.epoch;
    const readPercent =
      next === 'switch-reads' && state.phase !== next ? startingReads(state.phase) : state.readPercent;
    // The store that decides comes last: until it has the new epoch, writes of the old route go on; after it, none does.
    const deciding = routes[next].primary;
    const target = { ...durable(migration, state), phase: next, epoch, readPercent };
    await patient.writeState({ store: otherStore(deciding), state: target });
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
async function changeOfPrimary(migration: string, state: MigrationState, next: Phase): Promise<void> {
  const from = routes[state.phase].primary;
  const to = otherStore(from);
  const closed: DurableState = { ...durable(migration, state), epoch: state.epoch + 1, open: false };
  const readPercent = next === 'switch-reads' ? startingReads(state.phase) : state.readPercent;
  const opened: DurableState = { ...closed, phase: next, epoch: closed.epoch + 1, open: true, readPercent };
  try {
    await within(drainLimitMs).writeState({ store: from, state: closed });
    await within(drainLimitMs).writeState({ store: to, state: closed });
    await bulkWithin(drainLimitMs).drain({ primary: from, epoch: closed.epoch });
  } catch (error) {
    log.warn('the primary is not changed; the old one opens again', { reason: messageOf(error) });
    const reopened: DurableState = { ...durable(migration, state), epoch: closed.epoch + 1 };
    await CancellationScope.nonCancellable(async () => {
      await patient.writeState({ store: to, state: reopened });
      await patient.writeState({ store: from, state: reopened });
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
