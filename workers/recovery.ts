import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import { setSchedule } from '../client/operator/schedules.ts';
import { currentState, type OpenMigration } from '../databases/contract/current-state.ts';
import { LockstepError } from '../model/failure.ts';
import { hasTransactions } from '../model/migration.ts';
import { recoveryWorkflowId } from '../workflows/messages.ts';

const everyMs = 20_000;

/** Recovery of transactions runs now and from now on, where a migration has any and is not over. */
export async function keepRecovering(temporal: Client, open: OpenMigration): Promise<void> {
  const { migration } = open;
  if (!hasTransactions(migration) || (await isOver(open))) return;
  const id = recoveryWorkflowId(migration.name);
  await setSchedule(temporal, migration, { id, everyMs, workflowType: 'recoverTransactions' });
  await temporal.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.SKIP);
}

/** Where no store can tell, it is not. */
async function isOver(open: OpenMigration): Promise<boolean> {
  try {
    return (await currentState(open)).phase === 'decommissioned';
  } catch (error) {
    if (error instanceof LockstepError) return false;
    throw error;
  }
}
