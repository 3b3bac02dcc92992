import {
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  patched,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { RetryBatch, RetryRequest } from '../../activities/journal/journal.ts';
import { bounded, owedBounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { type RetriedOperations, type Rounds, resolveSignal, writeWorkflowId } from '../messages.ts';
import { oneRound } from './rounds.ts';

export interface RetryInput extends RetryRequest {
  readonly migration: string;
  /** @default one */
  readonly rounds?: Rounds;
  /** Carried through continue-as-new. */
  readonly carried: {
    readonly found: RetriedOperations;
    readonly from: NonNullable<RetryBatch['next']>;
  } | null;
}

/** A batch that cannot be finished for so long is left to the next retry. */
const batchLimitMs = 120_000;

/**
 * Replicates pending operations to the other store whatever has become of their workflows, each at most once in a round.
 * A workflow that waits for a person about an operation that is completed by this is notified, so that it ends too.
 */
export async function retryFailedOperations(input: RetryInput): Promise<RetriedOperations> {
  const { rounds, everyMs } = input.rounds ?? oneRound;
  let { carried } = input;
  for (let left = rounds; ; left--) {
    const result = await retryOnce({ ...input, carried, rounds: { rounds: left, everyMs } });
    if (left <= 1) return result;
    carried = null;
    await sleep(everyMs);
  }
}

async function retryOnce(input: RetryInput): Promise<RetriedOperations> {
  const { migration, carried, rounds: _, ...request } = input;
  const found = { completed: 0, failed: 0, settled: 0, notified: 0, ...carried?.found };
  let from = carried?.from ?? null;
  for (;;) {
    const batch: RetryBatch = await owedBounded(batchLimitMs).retryBacklog({ ...request, from });
    found.completed += batch.completed;
    found.failed += batch.failed;
    found.settled += batch.settled;
    const notified = await notify(migration, [...batch.unparked, ...batch.undoing]);
    found.notified += notified.size;
    const running = await stillRunning(migration, batch.undecided);
    const orphaned = [...batch.undoing, ...batch.undecided].filter(
      (id) => !notified.has(id) && !running.has(writeWorkflowId(migration, id)),
    );
    if (orphaned.length > 0)
      found.settled += await bounded(batchLimitMs).undoOrphaned({ operationIds: orphaned });
    if (batch.unparked.length > 0) {
      // Not before: what is completed is not found again, should this end here.
      await bounded(batchLimitMs).completeRetried({ operationIds: batch.unparked });
      found.completed += batch.unparked.length;
      // Runs of older code ended their batch here.
      if (patched('lockstep: notified again')) await notifyAgain(migration, batch.unparked, notified);
    }
    const result: RetriedOperations = { ...found, stopped: batch.stopped };
    setCurrentDetails(details(result));
    if (batch.stopped) log.warn('the retry of pending operations stopped', { reason: batch.stopped });
    if (batch.next === null) return result;
    from = batch.next;
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof retryFailedOperations>({ ...input, carried: { found: result, from } });
    }
  }
}

/** Those whose own try was refused in the meantime wait again, now for nothing. */
async function notifyAgain(
  migration: string,
  completed: readonly string[],
  notified: ReadonlySet<string>,
): Promise<void> {
  const waiting = await stillRunning(migration, [...notified]);
  await notify(
    migration,
    completed.filter((id) => waiting.has(writeWorkflowId(migration, id))),
  );
}

/** Gives those that could be notified; the others' workflows are gone. */
async function notify(migration: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const notified = await Promise.all(
    ids.map(async (id) => {
      try {
        await getExternalWorkflowHandle(writeWorkflowId(migration, id)).signal(resolveSignal, 'retry');
        return [id];
      } catch (error) {
        log.info('the workflow of an operation is gone', { operationId: id, reason: messageOf(error) });
        return [];
      }
    }),
  );
  return new Set(notified.flat());
}

async function stillRunning(migration: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const workflowIds = ids.map((id) => writeWorkflowId(migration, id));
  return new Set(await bounded(batchLimitMs).runningWorkflows({ workflowIds }));
}

function details({ completed, failed, settled, stopped }: RetriedOperations): string {
  return `**${completed}** completed, ${settled} settled, ${failed} refused again${stopped ? `. Stopped: ${stopped}` : ''}`;
}
