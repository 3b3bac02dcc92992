import type { Client } from '@temporalio/client';
import { scheduleRecovery } from '../client/operator/upkeep.ts';
import { currentState, type OpenMigration } from '../databases/contract/current-state.ts';
import { LockstepError } from '../model/failure.ts';

/** Recovery of transactions runs now and from now on, where a migration has any and is not over. */
export async function keepRecovering(temporal: Client, open: OpenMigration): Promise<void> {
  if (await isOver(open)) return;
  await scheduleRecovery(temporal, open.migration);
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
