import {
  CancellationScope,
  getExternalWorkflowHandle,
  log,
  type SignalDefinition,
  workflowInfo,
} from '@temporalio/workflow';
import type { BulkWork } from '../model/inputs/bulk-results.ts';
import { messageOf } from './failures.ts';
import { bulkWorkEnded, migrationWorkflowId } from './messages.ts';

/** From bulk work, also where it was cancelled. A migration that has ended, or was never started, has no use for it. */
export async function tellMigration<Args extends unknown[]>(
  migration: string,
  signal: SignalDefinition<Args>,
  ...args: Args
): Promise<void> {
  const handle = getExternalWorkflowHandle(migrationWorkflowId(migration));
  try {
    await CancellationScope.nonCancellable(() => handle.signal(signal, ...args));
  } catch (error) {
    log.info('no migration takes the word of bulk work', { reason: messageOf(error) });
  }
}

/** Lets the migration look for the result, where it has started the work. */
export async function tellEnd(migration: string, work: BulkWork): Promise<void> {
  if (workflowInfo().parent) await tellMigration(migration, bulkWorkEnded, work);
}
