import { Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { dataConverterFrom } from '../client/encryption.ts';
import { hasTransactions, type Migration } from '../model/migration.ts';
import { recoveryWorkflowId, searchAttributes } from '../workflows/messages.ts';

const everyMs = 20_000;

/** Recovery of transactions runs now and from now on, where a migration has any. */
export async function keepRecovering(
  migration: Migration,
  connection: NativeConnection,
  namespace: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  if (!hasTransactions(migration)) return;
  const { schedule } = new Client({
    connection,
    namespace,
    dataConverter: dataConverterFrom(environment),
  });
  const id = recoveryWorkflowId(migration.name);
  try {
    await schedule.create({
      scheduleId: id,
      spec: { intervals: [{ every: everyMs }] },
      action: {
        type: 'startWorkflow',
        workflowType: 'recoverTransactions',
        workflowId: id,
        taskQueue: migration.taskQueue,
        typedSearchAttributes: new TypedSearchAttributes([
          { key: defineSearchAttributeKey(searchAttributes.migration, 'KEYWORD'), value: migration.name },
        ]),
      },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
      state: { triggerImmediately: true },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await schedule.getHandle(id).trigger(ScheduleOverlapPolicy.SKIP);
  }
}
