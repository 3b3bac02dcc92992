import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  sleep,
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

export async function setPaused(run: MigrationRun, paused: boolean): Promise<messages.MigrationStatus> {
  run.update({ paused });
  await signalBackfill(run, (handle) => handle.signal(messages.setPaused, paused));
  return run.status();
}

export async function setRate(run: MigrationRun, rate: number | null): Promise<messages.MigrationStatus> {
  run.update({ rate });
  await signalBackfill(run, (handle) => handle.signal(messages.setBackfillRate, rate));
  return run.status();
}

export async function restartBackfill(run: MigrationRun): Promise<void> {
  if (!(await startBackfill(run))) throw failure('AlreadyRunning', 'a backfill is running already');
}

export async function startValidation(run: MigrationRun, request: messages.ValidationRequest): Promise<void> {
  const { migration, entities } = run.input;
  const { validating } = run.state;
  // Before it starts: its report may come together with the news of its start.
  run.update({ validating: true });
  const started = await start({ closing: !validating }, validate, messages.validationWorkflowId(migration), [
    { migration, entities, ...request },
  ]);
  if (!started) throw failure('AlreadyRunning', 'a validation is running already');
}

/** False where one runs already; it is ours then. */
export async function startBackfill(run: MigrationRun): Promise<boolean> {
  const { migration, entities, policy } = run.input;
  const { paused, rate, backfill: before } = run.state;
  run.update({ backfill: initialProgress(new Date().toISOString()) });
  const closing = before !== null && !before.running;
  return await start({ closing }, backfill, messages.backfillWorkflowId(migration), [
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

/**
 * Starts a workflow that outlives this one. False where one of that id runs already. One that has reported is `closing`, and
 * is waited for.
 */
async function start<W extends Workflow>(
  { closing }: { closing: boolean },
  workflow: W,
  workflowId: string,
  args: Parameters<W>,
): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await startChild<Workflow>(workflow, {
        workflowId,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        args,
      });
      return true;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      if (!closing || tries === closingTries) return false;
      await sleep(closingPauseMs);
    }
  }
}

/** A workflow that has reported closes with its next task. */
const closingTries = 20;
const closingPauseMs = 500;
