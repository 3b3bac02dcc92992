import { Client, ScheduleOverlapPolicy } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { setSchedule } from '../client/operator/schedules.ts';
import { dataConverterFrom } from '../client/temporal/encryption.ts';
import { hasTransactions, type Migration } from '../model/migration.ts';
import { recoveryWorkflowId } from '../workflows/messages.ts';

const everyMs = 20_000;

/** Recovery of transactions runs now and from now on, where a migration has any. */
export async function keepRecovering(
  migration: Migration,
  connection: NativeConnection,
  namespace: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  if (!hasTransactions(migration)) return;
  const client = new Client({ connection, namespace, dataConverter: dataConverterFrom(environment) });
  const id = recoveryWorkflowId(migration.name);
  await setSchedule(client, migration, { id, everyMs, workflowType: 'recoverTransactions' });
  await client.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.SKIP);
}
