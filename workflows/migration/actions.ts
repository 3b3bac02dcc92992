import { log, sleep, upsertSearchAttributes } from '@temporalio/workflow';
import {
  changesPrimary,
  type DurableState,
  neededStores,
  newestState,
  type Phase,
  phaseAfter,
  phaseBefore,
  routes,
} from '../../model/phase.ts';
import { unbounded } from '../activities.ts';
import { failure } from '../failures.ts';
import { searchAttributes } from '../messages.ts';
import { prepareToClose } from './before-closing.ts';
import { startBackfill, startValidation } from './bulk-work.ts';
import { assertReachable, gate } from './gates.ts';
import { changePhase, closeBehindLost } from './phase-change.ts';
import { renameLegacyTables } from './retirement.ts';
import type { MigrationRun } from './run.ts';
import { durableStateOf } from './state.ts';

/** What a migration does, at the word of an operator or when its time has come. */

const maxHistory = 50;
/** A workflow writes no later change before both stores have answered for the one before, or it was given up. */
const maxChangesAhead = 10;
/** The opening that follows a closing. */
const maxEpochsAhead = 2;
const lookAgainMs = 500;

/** Goes on from what the stores know of this migration, so that a lost workflow can be started again. */
export async function resumeFromStores(run: MigrationRun): Promise<void> {
  if (await takeOver(run))
    run.voidEvidence('the migration was started again, and the stores keep no evidence');
  const { phase } = run.state;
  await unbounded.checkStores({ stores: neededStores(phase) });
  await change(run, phase, { otherMayLag: false });
  run.update({
    history: [...run.state.history, { phase, at: new Date().toISOString() }],
    readsSince: run.state.changeNumber,
  });
  trackModernReads(run);
}

/**
 * Takes the route that the stores have. What the lost workflow has sent may still come, so all that follows gets numbers and
 * epochs above any that it can have given out. False where the stores know nothing of the migration.
 */
async function takeOver(run: MigrationRun): Promise<boolean> {
  for (;;) {
    const states = await unbounded.readStates();
    const newest = newestState(states.legacy, states.modern);
    if (!newest) return false;
    if (newest.phase === 'decommissioned') {
      throw failure(
        'GateRefused',
        `migration ${run.input.migration} is over, and stays so; what is to be moved now is a migration of another name`,
        { gate: 'end' },
      );
    }
    const { phase, open, readPercent, writePercent } = newest;
    const changeNumber = newest.changeNumber + maxChangesAhead;
    if (open) {
      run.update({ phase, epoch: newest.epoch + maxEpochsAhead, changeNumber, readPercent, writePercent });
      return true;
    }
    const epoch = newest.epoch + maxEpochsAhead;
    const closed = await closeBehindLost(states, { ...newest, epoch, changeNumber });
    if (closed) {
      run.update({ phase, epoch: epoch + 1, changeNumber, readPercent, writePercent });
      return true;
    }
    await sleep(lookAgainMs);
  }
}

export async function advance(run: MigrationRun): Promise<void> {
  const { policy } = run.input;
  const next = phaseAfter(run.state.phase);
  if (next === null) return;
  await gate(next, run.state, policy, run.input.digests);
  await change(run, next, { otherMayLag: routes[next].secondary === null });
  enter(run, next);
  // One that was running before a rollback goes on: at its end it catches up what it has missed.
  if (next === 'backfill' && !(await startBackfill(run))) log.info('a backfill is running already');
  if (next === 'validate')
    await startValidation(run, {
      sample: policy.sampleSize,
      seed: Math.floor(Math.random() * 2 ** 31),
    });
  if (next === 'decommissioned') await renameLegacyTables(run);
}

export async function rollback(run: MigrationRun): Promise<void> {
  const from = run.state.phase;
  const previous = phaseBefore(from);
  if (previous === null) return;
  await change(run, previous, { otherMayLag: true });
  run.voidEvidence(`${from} was rolled back`);
  enter(run, previous);
  // What was copied holds only while both stores receive every write.
  if (routes[previous].secondary === null) run.update({ backfill: null });
}

export async function changeShare(
  run: MigrationRun,
  share: 'readPercent' | 'writePercent',
  percent: number,
): Promise<void> {
  const lowers = percent < run.state[share];
  if (!lowers) await assertReachable(share === 'readPercent' ? 'reads' : 'writes');
  await change(run, run.state.phase, { otherMayLag: lowers, [share]: percent });
  if (share === 'readPercent') run.update({ readsSince: run.state.changeNumber });
  trackModernReads(run);
}

async function change(
  run: MigrationRun,
  next: Phase,
  { otherMayLag, ...shares }: { otherMayLag: boolean; readPercent?: number; writePercent?: number },
): Promise<void> {
  const { migration, policy } = run.input;
  const { drainLimitMs } = policy;
  const numbered = (state: DurableState): DurableState => {
    run.update({ changeNumber: run.state.changeNumber + 1 });
    return { ...state, changeNumber: run.state.changeNumber };
  };
  let from: DurableState = { ...durableStateOf(migration, run.state), ...shares };
  if (changesPrimary(from.phase, next)) from = await prepareToClose(from, { next, drainLimitMs, numbered });
  const changed = await changePhase(from, { next, drainLimitMs, otherMayLag, numbered });
  if ('error' in changed) {
    run.update({ epoch: changed.reopened.epoch });
    throw changed.error;
  }
  const { phase, epoch, readPercent, writePercent } = changed;
  run.update({ phase, epoch, readPercent, writePercent });
}

function enter(run: MigrationRun, phase: Phase): void {
  const history = [...run.state.history, { phase, at: new Date().toISOString() }];
  const readsSince = isModernAlready(run, phase) ? run.state.readsSince : run.state.changeNumber;
  run.update({
    history: history.slice(-maxHistory),
    readsSince,
    ramp: null,
    rampedDown: null,
    readsOver: null,
  });
  upsertSearchAttributes({ [searchAttributes.state]: [phase] });
  trackModernReads(run);
  log.info('phase entered', { phase, epoch: run.state.epoch });
}

/** What was measured of modern reads counts on where they stay modern. */
function isModernAlready({ state }: MigrationRun, phase: Phase): boolean {
  return routes[phase].reads === 'modern' && state.readsModernSince !== null;
}

function trackModernReads(run: MigrationRun): void {
  const { phase, readPercent, readsModernSince } = run.state;
  const { reads } = routes[phase];
  const modern = reads === 'modern' || (reads === 'share' && readPercent === 100);
  run.update({ readsModernSince: modern ? (readsModernSince ?? new Date().toISOString()) : null });
}
