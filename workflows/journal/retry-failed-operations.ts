import {
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { RetryBatch, RetryRequest } from '../../activities/journal/journal.ts';
import { bounded, longRunningBounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { type RetriedOperations, resolveSignal, writeWorkflowId } from '../messages.ts';

export interface RetryInput extends RetryRequest {
  readonly migration: string;
  /** Carried through continue-as-new. */
  readonly carried: {
    readonly found: RetriedOperations;
    readonly from: NonNullable<RetryBatch['next']>;
  } | null;
}

/** A batch that cannot be finished for so long is left to the next retry. */
const batchLimitMs = 120_000;

/**
 * Brings owed operations to the other store whatever has become of their workflows, each at most once in a run. A workflow
 * that waits for a person about an operation that is settled by this is told, so that it ends too.
 */
export async function retryFailedOperations(input: RetryInput): Promise<RetriedOperations> {
  const { migration, carried, ...request } = input;
  const found = { settled: 0, failed: 0, told: 0, ...carried?.found };
  let from = carried?.from ?? null;
  for (;;) {
    const batch: RetryBatch = await longRunningBounded(batchLimitMs).retryOwed({ ...request, from });
    found.settled += batch.settled;
    found.failed += batch.failed;
    found.told += await tell(migration, [...batch.unparked, ...batch.undoing]);
    if (batch.unparked.length > 0) {
      // Not before: what is settled is not found again, should this end here.
      await bounded(batchLimitMs).settleRetried({ operationIds: batch.unparked });
      found.settled += batch.unparked.length;
    }
    const result: RetriedOperations = { ...found, stopped: batch.stopped };
    setCurrentDetails(details(result));
    if (batch.stopped) log.warn('the retry of owed operations stopped', { reason: batch.stopped });
    if (batch.next === null) return result;
    from = batch.next;
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof retryFailedOperations>({ ...input, carried: { found: result, from } });
    }
  }
}

/** Gives the number of those that could be told; the others' workflows are gone. */
async function tell(migration: string, ids: readonly string[]): Promise<number> {
  const told = await Promise.all(
    ids.map(async (id) => {
      try {
        await getExternalWorkflowHandle(writeWorkflowId(migration, id)).signal(resolveSignal, 'retry');
        return 1;
      } catch (error) {
        log.info('the workflow of an operation is gone', { operationId: id, reason: messageOf(error) });
        return 0;
      }
    }),
  );
  return told.reduce<number>((sum, one) => sum + one, 0);
}

function details({ settled, failed, stopped }: RetriedOperations): string {
  return `**${settled}** settled, ${failed} refused again${stopped ? `. Stopped: ${stopped}` : ''}`;
}
