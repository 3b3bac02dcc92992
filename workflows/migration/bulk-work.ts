import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  type ExternalWorkflowHandle,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  startChild,
  type Workflow,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { backfill } from '../backfill/backfill.ts';
import { initialProgress } from '../backfill/progress.ts';
import type { BackfillInput } from '../backfill/run.ts';
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

/** What holds at its turn, not what held when it was asked for. */
async function tellPaused(run: MigrationRun, workflowId: string): Promise<void> {
  await tell(run, workflowId, (handle) => handle.signal(messages.setPaused, run.state.paused));
}

async function tell(
  run: MigrationRun,
  workflowId: string,
  signal: (handle: ExternalWorkflowHandle) => Promise<void>,
): Promise<void> {
  await run.inTurn(async () => {
    try {
      await signal(getExternalWorkflowHandle(workflowId));
    } catch (error) {
      // It ended between our look and the signal, or none runs.
      log.info('no bulk work to be told', { workflowId, reason: messageOf(error) });
    }
  });
}

export async function setRate(run: MigrationRun, rate: number | null): Promise<messages.MigrationStatus> {
  run.update({ rate });
  if (run.state.backfill?.running) await tellRate(run);
  return run.status();
}

async function tellRate(run: MigrationRun): Promise<void> {
  const workflowId = messages.backfillWorkflowId(run.input.migration);
  await tell(run, workflowId, (handle) => handle.signal(messages.setBackfillRate, run.state.rate));
}

export async function restartBackfill(run: MigrationRun, { anew }: messages.BackfillRequest): Promise<void> {
  if (!(await startBackfill(run, anew)))
    throw failure('AlreadyRunning', 'a backfill is running already; wait for it, lockstep status shows it');
}

export async function startValidation(run: MigrationRun, request: messages.ValidationRequest): Promise<void> {
  const { migration, entities } = run.input;
  // Before it starts: the news of its end may come together with that of its start.
  run.update({ validating: true });
  const input = { migration, entities, ...request };
  const workflowId = messages.validationWorkflowId(migration);
  const started = await run.starting('validation', () =>
    start(validate, { workflowId, migration, what: 'validation' }, [input]),
  );
  if (!started)
    throw failure('AlreadyRunning', 'a validation is running already; wait for it, lockstep status shows it');
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
  // Where it stopped before it had a plan, the checkpoints may be those of a time that does not count.
  const isBegun = (before?.entities.length ?? 0) > 0;
  const resume = isBegun && (anew !== undefined || before?.stopped !== null);
  run.update({ backfill: initialProgress(new Date().toISOString()) });
  const workflowId = messages.backfillWorkflowId(migration);
  const input: BackfillInput = {
    migration,
    entities,
    parallel: policy.backfillParallel,
    paused,
    rate,
    resume,
    ...(resume && anew !== undefined ? { anew } : {}),
    carried: null,
  };
  const started = await run.starting('backfill', () =>
    start(backfill, { workflowId, migration, what: 'backfill' }, [input]),
  );
  // What was said while it was being started found nobody; one that runs already may not have been ours to tell.
  if (!started || run.state.paused !== paused) await tellPaused(run, workflowId);
  if (!started || run.state.rate !== rate) await tellRate(run);
  return started;
}

/** As all have that are given none; it would have its parent's. */
const asWrites = { priorityKey: 3 };

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
      priority: asWrites,
      args,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
