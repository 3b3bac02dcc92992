import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  startChild,
  type Workflow,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { backfill } from '../backfill/backfill.ts';
import { initialProgress } from '../backfill/progress.ts';
import { validate } from '../comparison/validate.ts';
import { failure, messageOf } from '../failures.ts';
import * as messages from '../messages.ts';
import type { MigrationRun } from './run.ts';

/** The backfill and the validations of a migration: workflows of their own, which report when they end. */

/** Before anything else is told: from now on nothing new begins. */
export async function pause(run: MigrationRun, asked: messages.Asked): Promise<messages.MigrationStatus> {
  run.update({ paused: true, pausedBy: { ...asked, at: new Date().toISOString() } });
  await tellBulkWork(run);
  return run.status();
}

export async function resume(run: MigrationRun): Promise<messages.MigrationStatus> {
  run.update({ paused: false, pausedBy: null });
  await tellBulkWork(run);
  return run.status();
}

/** A reconciliation begins outside the migration, at an operator's word or on a schedule, and asks. */
export async function holdReconciliation(run: MigrationRun): Promise<void> {
  if (run.state.paused) await tellPaused(run, messages.reconciliationWorkflowId(run.input.migration));
}

async function tellBulkWork(run: MigrationRun): Promise<void> {
  const { migration } = run.input;
  const { backfill, validating } = run.state;
  if (backfill?.running) await tellPaused(run, messages.backfillWorkflowId(migration));
  if (validating) await tellPaused(run, messages.validationWorkflowId(migration));
  await tellPaused(run, messages.reconciliationWorkflowId(migration));
}

async function tellPaused(run: MigrationRun, workflowId: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(messages.setPaused, run.state.paused);
  } catch (error) {
    // It ended between our look and the signal, or none runs.
    log.info('no bulk work to be told', { workflowId, reason: messageOf(error) });
  }
}

export async function setRate(run: MigrationRun, rate: number | null): Promise<messages.MigrationStatus> {
  run.update({ rate });
  if (run.state.backfill?.running) await tellRate(run);
  return run.status();
}

async function tellRate(run: MigrationRun): Promise<void> {
  try {
    const handle = getExternalWorkflowHandle(messages.backfillWorkflowId(run.input.migration));
    await handle.signal(messages.setBackfillRate, run.state.rate);
  } catch (error) {
    // It ended between our look and the signal; its own report is on the way.
    log.warn('the backfill did not take a rate', { reason: messageOf(error) });
  }
}

export async function restartBackfill(run: MigrationRun, { anew }: messages.BackfillRequest): Promise<void> {
  if (!(await startBackfill(run, anew))) throw failure('AlreadyRunning', 'a backfill is running already');
}

export async function startValidation(run: MigrationRun, request: messages.ValidationRequest): Promise<void> {
  const { migration, entities } = run.input;
  // Before it starts: the news of its end may come together with that of its start.
  run.update({ validating: true });
  const input = { migration, entities, ...request };
  const workflowId = messages.validationWorkflowId(migration);
  const started = await start(validate, { workflowId, migration, what: 'validation' }, [input]);
  if (!started) throw failure('AlreadyRunning', 'a validation is running already');
  if (run.state.paused) await tellPaused(run, workflowId);
}

/**
 * False where one runs already; it is ours then.
 *
 * @param anew entities that begin at their first key; the others go on from their checkpoints
 */
export async function startBackfill(run: MigrationRun, anew?: readonly string[]): Promise<boolean> {
  const { migration, entities, policy } = run.input;
  const { paused, rate, backfill: before } = run.state;
  run.update({ backfill: initialProgress(new Date().toISOString()) });
  const workflowId = messages.backfillWorkflowId(migration);
  const started = await start(backfill, { workflowId, migration, what: 'backfill' }, [
    {
      migration,
      entities,
      parallel: policy.backfillParallel,
      paused,
      rate,
      resume: anew !== undefined || (before?.stopped ?? null) !== null,
      ...(anew === undefined ? {} : { anew }),
      carried: null,
    },
  ]);
  // What was said while it was being started found nobody.
  if (run.state.paused !== paused) await tellPaused(run, workflowId);
  if (run.state.rate !== rate) await tellRate(run);
  return started;
}

/** Starts a workflow that outlives this one. False where one of that id runs already. */
async function start<W extends Workflow>(
  workflow: W,
  { workflowId, migration, what }: { workflowId: string; migration: string; what: string },
  args: Parameters<W>,
): Promise<boolean> {
  try {
    await startChild<Workflow>(workflow, {
      workflowId,
      staticSummary: `${what} of ${migration}`,
      searchAttributes: { [messages.searchAttributes.migration]: [migration] },
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
