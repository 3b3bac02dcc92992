import type { Client } from '@temporalio/client';
import type { Servers } from '../../../deploy/dev/servers.ts';
import { migrationWorkflowId } from '../../../workflows/messages.ts';

/** Ends what an earlier demo left running: its workflows would go on with databases that are no longer theirs. */
export async function endEarlierRuns(temporal: Client, migration: string): Promise<number> {
  const query = `LockstepMigration = '${migration}' AND ExecutionStatus = 'Running'`;
  let ended = 0;
  for await (const { workflowId, runId } of temporal.workflow.list({ query })) {
    await temporal.workflow.getHandle(workflowId, runId).terminate('a new demo begins');
    ended++;
  }
  return ended;
}

export interface Links {
  /** The migration's run in Temporal UI; null where the server has no UI that we know of. */
  migration: string | null;
  backfill: string | null;
  validation: string | null;
  writes: string | null;
}

export function linksTo({ uiUrl, namespace }: Servers['temporal'], migration: string): Links {
  const base = uiUrl === null ? null : `${uiUrl}/namespaces/${namespace}/workflows`;
  const run = (id: string) => base && `${base}/${encodeURIComponent(id)}`;
  const writes = encodeURIComponent(`LockstepMigration = '${migration}' AND WorkflowType = 'write'`);
  return {
    migration: run(migrationWorkflowId(migration)),
    backfill: run(`backfill/${migration}`),
    validation: run(`validate/${migration}`),
    writes: base && `${base}?query=${writes}`,
  };
}
