import { type Client, ScheduleOverlapPolicy, ServiceError } from '@temporalio/client';
import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { hasTransactions, type Migration } from '../../model/migration.ts';
import { recoveryWorkflowId } from '../../workflows/messages.ts';
import { scheduleReplication } from './capture.ts';
import { scheduleJournal } from './journal-schedules.ts';
import { registerSearchAttributes } from './prepare.ts';
import { roundsEvery, runTimeout, setSchedule } from './schedules.ts';

const recoverEveryMs = 20_000;

/**
 * All that a migration needs in Temporal beside its own workflow, as the configuration and the stores say: Temporal may have lost
 * it. Safe to repeat.
 */
export async function keepUp(temporal: Client, { migration, stores }: OpenMigration): Promise<void> {
  await registerSearchAttributes(temporal).catch((error: unknown) => {
    // Not everybody may; where one is missing, the start of the workflow says which.
    if (!(error instanceof ServiceError || isRefusedByServer(error))) throw error;
  });
  await scheduleJournal(temporal, migration);
  await scheduleRecovery(temporal, migration);
  const capturing = await Promise.all(
    [stores.legacy, stores.modern].map((store) => store.isCapturing().catch(nullWhereUnavailable)),
  );
  if (capturing.includes(true)) await scheduleReplication(temporal, migration);
}

/** Transactions that nobody ends are recovered now and from now on, where a migration has any. */
export async function scheduleRecovery(temporal: Client, migration: Migration): Promise<void> {
  if (!hasTransactions(migration)) return;
  const id = recoveryWorkflowId(migration.name);
  await setSchedule(temporal, migration, {
    id,
    everyMs: recoverEveryMs,
    workflowType: 'recoverTransactions',
    staticSummary: `end the transactions of ${migration.name} that are in doubt`,
    workflowExecutionTimeout: runTimeout,
    args: [roundsEvery(recoverEveryMs)],
  });
  await temporal.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.SKIP);
}

/** The operator service throws the errors of gRPC as they are. */
function isRefusedByServer(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
