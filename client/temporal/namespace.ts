import type { ConnectionLike } from '@temporalio/client';
import { LockstepError } from '../../model/failure.ts';
import { isNotFound } from './failures.ts';

const withinMs = 5_000;

/**
 * Throws `InvalidDefinition` where Temporal has no such namespace: a worker would wait there for ever. Who may not ask for it is let
 * through, and so is a Temporal that does not answer now.
 */
export async function assertNamespace(
  connection: ConnectionLike,
  { address, namespace }: { address: string; namespace: string },
): Promise<void> {
  try {
    await connection.withDeadline(Date.now() + withinMs, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    if (isNotFound(error)) throw noNamespace(address, namespace);
  }
}

export function noNamespace(address: string, namespace: string): LockstepError {
  return new LockstepError(
    'InvalidDefinition',
    `Temporal at ${address} has no namespace "${namespace}"; correct TEMPORAL_NAMESPACE, or create it: ` +
      `temporal operator namespace create --namespace ${namespace}`,
    { path: 'TEMPORAL_NAMESPACE' },
  );
}
