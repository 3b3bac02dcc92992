import { log, upsertSearchAttributes } from '@temporalio/workflow';
import { neededStores, newestState, type Phase, phaseAfter, phaseBefore, routes } from '../../model/phase.ts';
import { unbounded } from '../activities.ts';
import { searchAttributes } from '../messages.ts';
import { startBackfill, startValidation } from './bulk-work.ts';
import { assertReachable, gate } from './gates.ts';
import { changePhase } from './phase-change.ts';
import { renameLegacyTables } from './retirement.ts';
import type { MigrationRun } from './run.ts';
import { durableStateOf } from './state.ts';

/** What a migration does, at the word of an operator or when its time has come. */

const maxHistory = 50;

/** Goes on from what the stores know of this migration, so that a lost workflow can be started again. */
export async function resumeFromStores(run: MigrationRun): Promise<void> {
  const { legacy, modern } = await unbounded.readStates();
  const newest = newestState(legacy, modern);
  if (newest) {
    const { phase, epoch, open, readPercent, writePercent } = newest;
    run.update({ phase, epoch: open ? epoch : epoch + 1, readPercent, writePercent });
  }
  const { phase } = run.state;
  await unbounded.checkStores({ stores: neededStores(phase) });
  await change(run, phase, { otherMayLag: false });
  run.update({ history: [...run.state.history, { phase, at: new Date().toISOString() }] });
  trackModernReads(run);
  if (phase === 'decommissioned') await renameLegacyTables(run);
}

export async function advance(run: MigrationRun): Promise<void> {
  const { policy } = run.input;
  const next = phaseAfter(run.state.phase);
  if (next === null) return;
  await gate(next, run.state, policy);
  await change(run, next, { otherMayLag: next === 'modern-only' });
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
  const previous = phaseBefore(run.state.phase);
  if (previous === null) return;
  await change(run, previous, { otherMayLag: true });
  enter(run, previous);
  // What was proved about the stores holds only while both receive every write.
  if (routes[previous].secondary === null) run.update({ backfill: null, evidence: null });
}

export async function changeShare(
  run: MigrationRun,
  share: 'readPercent' | 'writePercent',
  percent: number,
): Promise<void> {
  const lowers = percent < run.state[share];
  if (!lowers) await assertReachable(share === 'readPercent' ? 'reads' : 'writes');
  await change(run, run.state.phase, { otherMayLag: lowers, [share]: percent });
  trackModernReads(run);
}

async function change(
  run: MigrationRun,
  next: Phase,
  { otherMayLag, ...shares }: { otherMayLag: boolean; readPercent?: number; writePercent?: number },
): Promise<void> {
  const { migration, policy } = run.input;
  const from = { ...durableStateOf(migration, run.state), ...shares };
  const changed = await changePhase(from, { next, drainLimitMs: policy.drainLimitMs, otherMayLag });
  if ('error' in changed) {
    run.update({ epoch: changed.reopened.epoch });
    throw changed.error;
  }
  const { phase, epoch, readPercent, writePercent } = changed;
  run.update({ phase, epoch, readPercent, writePercent });
}

function enter(run: MigrationRun, phase: Phase): void {
  const history = [...run.state.history, { phase, at: new Date().toISOString() }];
  run.update({ history: history.slice(-maxHistory) });
  upsertSearchAttributes({ [searchAttributes.state]: [phase] });
  trackModernReads(run);
  log.info('phase entered', { phase, epoch: run.state.epoch });
}

function trackModernReads(run: MigrationRun): void {
  const { phase, readPercent, readsModernSince } = run.state;
  const { reads } = routes[phase];
  const modern = reads === 'modern' || (reads === 'share' && readPercent === 100);
  run.update({ readsModernSince: modern ? (readsModernSince ?? new Date().toISOString()) : null });
}
