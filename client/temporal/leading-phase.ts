import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type Phase, phases } from '../../model/phase.ts';
import { migrationWorkflowId, searchAttributes } from '../../workflows/messages.ts';

/** The phase of a migration as its workflow shows it, which needs no worker; null where none runs. */
export async function leadingPhase(temporal: Client, migration: string): Promise<Phase | null> {
  try {
    const found = await temporal.workflow.getHandle(migrationWorkflowId(migration)).describe();
    if (found.status.name !== 'RUNNING') return null;
    const [shown] = found.searchAttributes[searchAttributes.state] ?? [];
    return phases.find((phase) => phase === shown) ?? null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
