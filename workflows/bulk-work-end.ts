import { CancellationScope, getExternalWorkflowHandle, log, workflowInfo } from '@temporalio/workflow';
import { messageOf } from './failures.ts';
import { type BulkWork, bulkWorkEnded, migrationWorkflowId } from './messages.ts';

/** Lets the migration look for the result, where it has started the work. One that has ended has no use for it. */
export async function tellEnd(migration: string, work: BulkWork): Promise<void> {
  if (!workflowInfo().parent) return;
  try {
    const handle = getExternalWorkflowHandle(migrationWorkflowId(migration));
    // Also of work that was cancelled.
    await CancellationScope.nonCancellable(() => handle.signal(bulkWorkEnded, work));
  } catch (error) {
    log.warn('no migration waits for the work', { work, reason: messageOf(error) });
  }
}
