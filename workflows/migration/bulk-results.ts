import { log } from '@temporalio/workflow';
import type { BulkResult, BulkResultRequest } from '../../activities/migration/bulk-result.ts';
import { type BulkWork, type CheckedResult, checkedResult } from '../../model/inputs/bulk-results.ts';
import { unbounded } from '../activities.ts';
import * as messages from '../messages.ts';
import type { MigrationRun } from './run.ts';

/**
 * What came of work in bulk. Its end is told by a signal, which anybody can send; so the signal only says where to look, and what
 * counts is the result that Temporal has of a workflow of this migration's own.
 */

/** It has said that it ends, and its worker may be lost. Who says so of one that goes on is not listened to for ever. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
const mostTries = 20;

/** Looks for the result of what is said to end, as long as the migration waits for one. */
export async function takeResult(run: MigrationRun, work: BulkWork): Promise<void> {
  await run.lookOnce(work, async () => {
    let pauseMs = firstPauseMs;
    for (let tries = 1; isAwaited(run, work); tries++) {
      const found = await run.ofLastStarted(work, () => unbounded.bulkResult(requestOf(run, work)));
      // What was started meanwhile tells its own end, and what is no longer awaited is nobody's.
      if (found === null || !isAwaited(run, work)) return;
      if (found.status !== 'running') return take(run, work, found);
      if (tries === mostTries) return;
      await run.untilAskedAgain(work, pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  });
}

function isAwaited({ state }: MigrationRun, work: BulkWork): boolean {
  if (work === 'validation') return state.validating;
  return work === 'reconciliation' || state.backfill?.running === true;
}

function requestOf({ input: { migration } }: MigrationRun, work: BulkWork): BulkResultRequest {
  const startedBy = messages.migrationWorkflowId(migration);
  switch (work) {
    case 'backfill':
      return { workflowId: messages.backfillWorkflowId(migration), workflowType: 'backfill', startedBy };
    case 'validation':
      return { workflowId: messages.validationWorkflowId(migration), workflowType: 'validate', startedBy };
    case 'reconciliation':
      return {
        workflowId: messages.reconciliationWorkflowId(migration),
        workflowType: 'reconcile',
        startedBy: null,
      };
  }
}

function take(run: MigrationRun, work: BulkWork, found: BulkResult): void {
  const result = found.status === 'ended' ? checkedResult(work, found.result) : null;
  if (result) takeSound(run, result);
  else takeFailure(run, work, found);
}

function takeFailure(run: MigrationRun, work: BulkWork, found: BulkResult): void {
  const why = found.status === 'failed' ? found.reason : 'its workflow has no result of this migration';
  log.warn('work in bulk has no result', { work, reason: why });
  switch (work) {
    case 'backfill':
      if (run.state.backfill)
        run.update({ backfill: { ...run.state.backfill, running: false, stopped: why } });
      break;
    case 'validation':
      run.update({ validating: false, lastFailure: `validation: ${why}` });
      run.voidEvidence(`a validation did not come to its end (${why})`);
      break;
    case 'reconciliation':
  }
}

function takeSound(run: MigrationRun, found: CheckedResult): void {
  switch (found.work) {
    case 'backfill':
      run.update({ backfill: found.result });
      return;
    case 'validation':
      run.update({ validating: false });
      run.keepEvidence(found.result);
      return;
    case 'reconciliation': {
      const { evidence, entities, repaired } = found.result;
      const isWhole = run.input.entities.every((name) => entities.includes(name));
      // What was repaired is looked at again before reads are switched.
      if (evidence && isWhole && repaired === 0) run.keepEvidence(evidence);
    }
  }
}
