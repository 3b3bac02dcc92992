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
import { bounded, switching } from '../activities.ts';
import { failure } from '../failures.ts';
import { type Asked, searchAttributes } from '../messages.ts';
import { prepareToClose } from './before-closing.ts';
import { startBackfill, startValidation } from './bulk-work.ts';
import { assertReachable, type Passage } from './condition.ts';
import { gate } from './gates.ts';
import { changePhase, closeBehindLost } from './phase-change.ts';
import { renameLegacyTables, restoreLegacyTables } from './retirement.ts';
import type { MigrationRun } from './run.ts';
import { durableStateOf } from './state.ts';
import { assertConditions, resumed } from './steering.ts';

/** What a migration does, at the word of an operator or when its time has come. */

const maxHistory = 50;
const maxForced = 20;
/** Statements over the keys of each table. */
const primeLimitMs = 60_000;
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
  await switching.checkStores({ stores: neededStores(phase) });
  await change(run, phase, { otherMayLag: false, passage: unforced() });
  run.update({
    history: [...run.state.history, { phase, at: new Date().toISOString() }],
    readsSince: run.state.changeNumber,
  });
  trackModernReads(run);
  if (phase === 'decommissioned' && run.input.undo) await undoDecommission(run, run.input.undo);
}

/**
 * Takes the route that the stores have. What the lost workflow has sent may still come, so all that follows gets numbers and
 * epochs above any that it can have given out. False where the stores know nothing of the migration.
 */
async function takeOver(run: MigrationRun): Promise<boolean> {
  for (;;) {
    const states = await switching.readStates();
    const newest = newestState(states.legacy, states.modern);
    if (!newest) return false;
    if (newest.phase === 'decommissioned' && !run.input.undo) {
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

/** How a step is taken, and at whose word. */
export interface StepOptions extends Asked {
  readonly force: boolean;
}

export async function advance(run: MigrationRun, options: StepOptions): Promise<void> {
  const { policy } = run.input;
  const from = run.state.phase;
  const next = phaseAfter(from);
  if (next === null) return;
  const passage: Passage = { force: options.force, passed: [] };
  await run.abortable(() => gate(next, run, passage));
  // Nothing has begun yet: a pause that was answered meanwhile holds it.
  assertConditions([resumed(run)]);
  // A route without a secondary leaves the application alone with the store that decides.
  if (routes[next].secondary === null)
    await bounded(primeLimitMs).primeStore({ store: routes[next].primary });
  await change(run, next, { otherMayLag: routes[next].secondary === null, passage });
  enter(run, next, { from, options, passage });
  // One that was running before a rollback goes on: at its end it catches up what it has missed.
  if (next === 'backfill' && !(await startBackfill(run))) log.info('a backfill is running already');
  if (next === 'validate')
    await startValidation(run, {
      sample: policy.sampleSize,
      seed: Math.floor(Math.random() * 2 ** 31),
    });
  if (next === 'decommissioned') await renameLegacyTables(run);
}

export async function rollback(run: MigrationRun, options: StepOptions): Promise<void> {
  const from = run.state.phase;
  const previous = phaseBefore(from);
  if (previous === null) return;
  const passage: Passage = { force: options.force, passed: [] };
  await change(run, previous, { otherMayLag: true, passage });
  run.voidEvidence(`${from} was rolled back`);
  enter(run, previous, { from, options, passage });
  // What was copied holds only while both stores receive every write.
  if (routes[previous].secondary === null) run.update({ backfill: null });
}

/** Until the tables are dropped: they get their names back, and the migration is in the phase before. */
export async function undoDecommission(run: MigrationRun, asked: Asked): Promise<void> {
  const from = run.state.phase;
  await restoreLegacyTables(run);
  const passage: Passage = { force: false, passed: [] };
  await change(run, 'modern-only', { otherMayLag: true, passage });
  enter(run, 'modern-only', { from, options: { ...asked, force: false }, passage });
}

export async function changeShare(
  run: MigrationRun,
  share: 'readPercent' | 'writePercent',
  percent: number,
): Promise<void> {
  const lowers = percent < run.state[share];
  if (!lowers) await assertReachable(share === 'readPercent' ? 'reads' : 'writes');
  await change(run, run.state.phase, { otherMayLag: lowers, passage: unforced(), [share]: percent });
  if (share === 'readPercent') run.update({ readsSince: run.state.changeNumber });
  trackModernReads(run);
}

async function change(
  run: MigrationRun,
  next: Phase,
  {
    otherMayLag,
    passage,
    ...shares
  }: { otherMayLag: boolean; passage: Passage; readPercent?: number; writePercent?: number },
): Promise<void> {
  const { migration, policy } = run.input;
  const { drainLimitMs } = policy;
  const numbered = (state: DurableState): DurableState => {
    run.update({ changeNumber: run.state.changeNumber + 1 });
    return { ...state, changeNumber: run.state.changeNumber };
  };
  let from: DurableState = { ...durableStateOf(migration, run.state), ...shares };
  const abortable = <T>(work: () => Promise<T>) => run.abortable(work);
  if (changesPrimary(from.phase, next)) {
    const open = from;
    from = await abortable(() => prepareToClose(open, passage, { next, drainLimitMs, numbered }));
  }
  const changed = await changePhase(from, { next, drainLimitMs, otherMayLag, numbered, abortable });
  if ('error' in changed) {
    run.update({ epoch: changed.reopened.epoch });
    throw changed.error;
  }
  const { phase, epoch, readPercent, writePercent } = changed;
  run.update({ phase, epoch, readPercent, writePercent });
}

function enter(
  run: MigrationRun,
  phase: Phase,
  { from, options, passage }: { from: Phase; options: StepOptions; passage: Passage },
): void {
  const { by, reason } = options;
  const at = new Date().toISOString();
  const history = [...run.state.history, { phase, at, by, reason }];
  const { passed } = passage;
  const forced = passed.length === 0 ? [] : [{ at, by, reason, from, to: phase, passed }];
  const readsSince = isModernAlready(run, phase) ? run.state.readsSince : run.state.changeNumber;
  run.update({
    history: history.slice(-maxHistory),
    forced: [...run.state.forced, ...forced].slice(-maxForced),
    planned: null,
    readsSince,
    ramp: null,
    rampedDown: null,
    readsOver: null,
  });
  upsertSearchAttributes({ [searchAttributes.state]: [phase] });
  trackModernReads(run);
  // Who asked, and why, is in the history and no word of a log: a person may have written anything there.
  log.info('phase entered', { phase, epoch: run.state.epoch });
  if (passed.length > 0)
    log.warn('conditions of caution were passed by force', {
      phase,
      conditions: passed.map(({ name }) => name),
    });
}

function unforced(): Passage {
  return { force: false, passed: [] };
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
