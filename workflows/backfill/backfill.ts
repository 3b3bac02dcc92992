import { allHandlersFinished, ContinueAsNew, condition, log } from '@temporalio/workflow';
import { failureIn } from '../../model/carried-failure.ts';
import { copyOrder } from '../../model/copy-order.ts';
import { longRunningFailFast } from '../activities.ts';
import { messageOf } from '../failures.ts';
import type { BackfillProgress } from '../messages.ts';
import { tellEnd } from '../tell-migration.ts';
import { copyRanges } from './copy-ranges.ts';
import { catchUp, copyWaiting, retryRefused } from './rounds.ts';
import { type BackfillInput, BackfillRun } from './run.ts';

/**
 * Copies history in key ranges, several at a time, then catches up what was written or deleted meanwhile. Every chunk is
 * committed with its checkpoint, so a crash of anything repeats none.
 */
export async function backfill(input: BackfillInput): Promise<BackfillProgress> {
  const run = new BackfillRun(input);
  run.setHandlers();
  try {
    await copyAll(run);
    if (run.faults.size === 0) run.finishedAt = new Date().toISOString();
    else run.stopped = [...run.faults.values()].join('; ');
  } catch (error) {
    if (failureIn(error) === null) {
      // Also where it was cancelled; one that continues as new has not ended.
      if (!(error instanceof ContinueAsNew)) await tellEnd(input.migration, 'backfill');
      throw error;
    }
    run.stopped = messageOf(error);
    log.warn('the backfill stopped; its checkpoints stay', { reason: run.stopped });
  }
  run.show();
  const result = run.progress();
  await tellEnd(input.migration, 'backfill');
  await condition(allHandlersFinished);
  return result;
}

async function copyAll(run: BackfillRun): Promise<void> {
  const { entities, resume, anew } = run.input;
  const forgotten = { entities: (resume && anew) || null };
  if (!run.checkpointsReset)
    await run.untilDone('reset', () => longRunningFailFast.resetCheckpoints(forgotten));
  run.checkpointsReset = true;
  const parents = new Map<string, readonly string[]>();
  for (const entity of entities) {
    const plan = await run.unlessFaulty(entity, () =>
      run.untilDone(entity, () => longRunningFailFast.planBackfill({ entity })),
    );
    if (plan === null) continue;
    run.plan(entity, plan);
    parents.set(entity, plan.parents);
  }
  run.mark();
  const stages = copyOrder(parents);
  for (const stage of stages) if (!(await copyRanges(run, stage))) await run.continueWorkflow();
  const inOrder = stages.flatMap((stage) => stage.entities);
  const circular = stages.flatMap((stage) => stage.inOrder);
  await copyWaiting(run, inOrder, circular);
  for (const entity of inOrder) await catchUp(run, entity);
  await retryRefused(run, inOrder);
  for (const entity of inOrder) {
    await run.unpaused();
    await run.untilDone(entity, () => longRunningFailFast.primeSequences({ entity }));
  }
}
