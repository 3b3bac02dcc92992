import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  startChild,
  upsertSearchAttributes,
  type Workflow,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { neededStores, newestState, type Phase, phaseAfter, phaseBefore, routes } from '../../model/phase.ts';
import { bounded, unbounded } from '../activities.ts';
import { backfill } from '../backfill/backfill.ts';
import { justStarted } from '../backfill/progress.ts';
import { validate } from '../comparison/validate.ts';
import { failure, messageOf } from '../failures.ts';
import * as messages from '../messages.ts';
import { gate, refuseUnreachable } from './gates.ts';
import { changePhase } from './phase-change.ts';
import type { MigrationRun } from './run.ts';
import { durableStateOf } from './state.ts';

/** What a migration does, at the word of an operator or when its time has come. */

const longestHistory = 50;
const dropAgainMs = 3_600_000;
const reportLimitMs = 60_000;

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
  await change(run, phase, { mayLag: false });
  run.update({ history: [...run.state.history, { phase, at: new Date().toISOString() }] });
  noteReads(run);
  if (phase === 'decommissioned') await retireLegacy(run);
}

export async function advance(run: MigrationRun): Promise<void> {
  const { policy } = run.input;
  const next = phaseAfter(run.state.phase);
  if (next === null) return;
  await gate(next, run.state, policy);
  await change(run, next, { mayLag: next === 'modern-only' });
  enter(run, next);
  // One that was running before a rollback goes on: at its end it catches up what it has missed.
  if (next === 'backfill' && !(await startBackfill(run))) log.info('a backfill is running already');
  if (next === 'validate')
    await startValidation(run, {
      sample: policy.sampleSize,
      seed: Math.floor(Math.random() * 2 ** 31),
    });
  if (next === 'decommissioned') await retireLegacy(run);
}

export async function rollback(run: MigrationRun): Promise<void> {
  const previous = phaseBefore(run.state.phase);
  if (previous === null) return;
  await change(run, previous, { mayLag: true });
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
  if (!lowers) await refuseUnreachable(share === 'readPercent' ? 'reads' : 'writes');
  await change(run, run.state.phase, { mayLag: lowers, [share]: percent });
  noteReads(run);
}

export async function setPaused(run: MigrationRun, paused: boolean): Promise<messages.MigrationStatus> {
  run.update({ paused });
  await signalBackfill(run, (handle) => handle.signal(messages.setPaused, paused));
  return run.status();
}

export async function setRate(run: MigrationRun, rate: number | null): Promise<messages.MigrationStatus> {
  run.update({ rate });
  await signalBackfill(run, (handle) => handle.signal(messages.setPace, rate));
  return run.status();
}

export async function restartBackfill(run: MigrationRun): Promise<void> {
  if (!(await startBackfill(run))) throw failure('AlreadyRunning', 'a backfill is running already');
}

export async function startValidation(run: MigrationRun, request: messages.ValidationRequest): Promise<void> {
  const { migration, entities } = run.input;
  const started = await start(validate, messages.validationWorkflowId(migration), [
    { migration, entities, ...request },
  ]);
  run.update({ validating: true });
  if (!started) throw failure('AlreadyRunning', 'a validation is running already');
}

/** What cannot be dropped (another table may refer to it) stays, and is tried again later. */
export async function dropLegacy(run: MigrationRun): Promise<void> {
  try {
    await unbounded.dropLegacy();
    run.update({ dropAt: null });
  } catch (error) {
    const reason = messageOf(error);
    run.update({ lastFailure: `drop legacy: ${reason}`, dropAt: inMs(dropAgainMs) });
    log.error('the retired tables were not dropped', { reason });
  }
}

export async function becomeOverdue(run: MigrationRun): Promise<void> {
  run.update({ overdue: true });
  const { phase, deadline } = run.state;
  log.error('the migration is overdue', { phase, deadline });
  upsertSearchAttributes({ [messages.searchAttributes.state]: ['overdue'] });
  try {
    await bounded(reportLimitMs).reportOverdue({ phase, deadline });
  } catch (error) {
    log.error('nobody could be told that the migration is overdue', { reason: messageOf(error) });
  }
}

async function change(
  run: MigrationRun,
  next: Phase,
  { mayLag, ...shares }: { mayLag: boolean; readPercent?: number; writePercent?: number },
): Promise<void> {
  const { migration, policy } = run.input;
  const from = { ...durableStateOf(migration, run.state), ...shares };
  const changed = await changePhase(from, { next, drainLimitMs: policy.drainLimitMs, mayLag });
  if ('error' in changed) {
    run.update({ epoch: changed.reopened.epoch });
    throw changed.error;
  }
  const { phase, epoch, readPercent, writePercent } = changed;
  run.update({ phase, epoch, readPercent, writePercent });
}

function enter(run: MigrationRun, phase: Phase): void {
  const history = [...run.state.history, { phase, at: new Date().toISOString() }];
  run.update({ history: history.slice(-longestHistory) });
  upsertSearchAttributes({ [messages.searchAttributes.state]: [phase] });
  noteReads(run);
  log.info('phase entered', { phase, epoch: run.state.epoch });
}

function noteReads(run: MigrationRun): void {
  const { phase, readPercent, readsModernSince } = run.state;
  const { reads } = routes[phase];
  const modern = reads === 'modern' || (reads === 'share' && readPercent === 100);
  run.update({ readsModernSince: modern ? (readsModernSince ?? new Date().toISOString()) : null });
}

/** False where one runs already; it is ours then. */
async function startBackfill(run: MigrationRun): Promise<boolean> {
  const { migration, entities, policy } = run.input;
  const { paused, rate, backfill: before } = run.state;
  const started = await start(backfill, messages.backfillWorkflowId(migration), [
    {
      migration,
      entities,
      parallel: policy.backfillParallel,
      paused,
      rate,
      resume: (before?.stopped ?? null) !== null,
      carried: null,
    },
  ]);
  run.update({ backfill: justStarted(new Date().toISOString()) });
  return started;
}

async function signalBackfill(
  run: MigrationRun,
  signal: (handle: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
): Promise<void> {
  if (!run.state.backfill?.running) return;
  try {
    await signal(getExternalWorkflowHandle(messages.backfillWorkflowId(run.input.migration)));
  } catch (error) {
    // It ended between our look and the signal; its own report is on the way.
    log.warn('the backfill did not take a signal', { reason: messageOf(error) });
  }
}

async function retireLegacy(run: MigrationRun): Promise<void> {
  await unbounded.retireLegacy();
  const { dropLegacyAfterMs } = run.input.policy;
  if (dropLegacyAfterMs !== null) run.update({ dropAt: inMs(dropLegacyAfterMs) });
}

/** Starts a workflow that outlives this one. False where one of that id runs already. */
async function start<W extends Workflow>(
  workflow: W,
  workflowId: string,
  args: Parameters<W>,
): Promise<boolean> {
  try {
    await startChild<Workflow>(workflow, {
      workflowId,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function inMs(milliseconds: number): string {
  return new Date(Date.now() + milliseconds).toISOString();
}
