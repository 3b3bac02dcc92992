import type { Client } from '@temporalio/client';
import { removeSchedules } from '../../client/operator/schedules.ts';
import type { Migration } from '../../model/migration.ts';
import { backfillWorkflowId, migrationWorkflowId, validationWorkflowId } from '../../workflows/messages.ts';

/** Ends what a migration has in Temporal: a schedule would go on starting workflows, and these wait for a worker for ever. */
export async function endMigration(temporal: Client, migration: Migration): Promise<void> {
  const { name } = migration;
  await removeSchedules(temporal, name);
  const end = (workflowId: string) =>
    temporal.workflow
      .getHandle(workflowId)
      .terminate('nobody needs it any more')
      .catch(() => undefined);
  const query = `LockstepMigration = '${name}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of temporal.workflow.list({ query })) await end(workflowId);
  // Those that have just begun are not listed yet.
  for (const id of [migrationWorkflowId(name), backfillWorkflowId(name), validationWorkflowId(name)])
    await end(id);
}
