import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { keyIdOf, unknownKey } from './encryption.ts';
import { encryptionOf } from './encryption-keys.ts';

/**
 * Looks whether this process has the key of the migration's workflow, which needs no worker: with another key its questions could not
 * be read, and nobody would answer. Says nothing where none was started.
 *
 * @throws LockstepError `InvalidDefinition`, with the name of the key
 */
export async function assertKeyFits(
  temporal: Client,
  migration: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  try {
    const workflowId = migrationWorkflowId(migration);
    const { raw, status } = await temporal.workflow.getHandle(workflowId).describe();
    const summary = raw.executionConfig?.userMetadata?.summary;
    const id = summary ? keyIdOf(summary) : null;
    if (id === null || status.name !== 'RUNNING') return;
    if (encryptionOf(environment)?.all.some((key) => key.id === id)) return;
    throw unknownKey(id, { type: 'workflow', namespace: temporal.options.namespace, workflowId });
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
