import { bounded } from '../activities.ts';
import { failure } from '../failures.ts';
import type { ParkedDecision } from '../messages.ts';

const limitMs = 120_000;

/** Carries out an operator's decision about a parked operation from the journals alone: its own workflow is gone. */
export async function resolveParked({
  operationId,
  store,
  resolution,
  reason,
}: ParkedDecision): Promise<void> {
  if (resolution === 'discard') {
    await bounded(limitMs).setOperationStatus({ store, operationId, status: 'discarded', reason });
    return;
  }
  const over = await bounded(limitMs).undoOrphaned({ operationIds: [operationId] });
  if (over === 1) return;
  throw failure(
    'CompensationFailed',
    `operation ${operationId} could not be undone and stays parked; lockstep writes show ${operationId} says why`,
    { operationId },
  );
}
