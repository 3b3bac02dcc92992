import { log, sleep } from '@temporalio/workflow';
import type { WriteResult } from '../../activities/write/write-result.ts';
import type { RefusalDetails } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { localOnce, localThenRemote, secondaryRetry } from '../activities.ts';
import { failure, messageOf } from '../failures.ts';
import { compensate, undo } from './compensate.ts';
import type { PrimaryDecision } from './decide.ts';
import { tentativeStore } from './parallel.ts';
import { park } from './park.ts';
import { routeAfter } from './route.ts';
import type { WriteRun } from './run.ts';

/** The caller of a parallel write is waiting for the compensation; the others have their answer. */
const parallelConflictAttempts = 3;

/** A secondary that does not take the write, and why. */
interface Refusal {
  readonly code: AnyFailureCode;
  readonly reason: string;
  readonly details: RefusalDetails;
}

/** Until the secondary has the write (true), or no store waits for it any more. */
export async function replicate(run: WriteRun, decided: PrimaryDecision): Promise<boolean> {
  if (!decided.pending) return false;
  const { dualWrite, operation } = run.input;
  let { route } = decided;
  let conflicts = 0;
  let first = true;
  while (route.secondary) {
    const result = await replicateOnce(run, { ...decided, route }, first);
    first = false;
    if (result.status === 'applied') return true;
    if (result.status === 'fenced') {
      route = await routeAfter(route, { operationId: operation.id, dualWrite });
      continue;
    }
    if (result.status === 'conflict') {
      conflicts += 1;
      if (await conflictMayPass(run, conflicts)) continue;
    }
    const ended = await whenRefused(run, { ...decided, route }, refusalOf(result));
    if (ended !== 'again') return ended;
    conflicts = 0;
  }
  const { decidedBy: store } = decided;
  await localThenRemote((activities) =>
    activities.setOperationStatus({ store, operationId: operation.id, status: 'completed', reason: null }),
  );
  return false;
}

/** Often two writes swap a unique value: the other write's image makes room. */
async function conflictMayPass({ input }: WriteRun, conflicts: number): Promise<boolean> {
  const { conflictAttempts, secondaryRetryMs, secondaryRetryMaxMs } = input.policy;
  if (conflicts >= (input.pattern === 'parallel' ? parallelConflictAttempts : conflictAttempts)) return false;
  await sleep(Math.min(secondaryRetryMs * 2 ** conflicts, secondaryRetryMaxMs));
  return true;
}

/** Whether the secondary has the write in the end; `again` where an operator wants another attempt. */
async function whenRefused(
  run: WriteRun,
  decided: PrimaryDecision,
  { code, reason, details }: Refusal,
): Promise<boolean | 'again'> {
  const { pattern, operation } = run.input;
  if (pattern === 'parallel') {
    await compensate(run, decided, reason, details);
    return true;
  }
  const { decidedBy: store, version, route } = decided;
  const parked = await park(run, { store, failure: code, reason, undoing: false });
  if ('status' in parked) return parked.status === 'completed';
  if (parked.decision === 'retry') return 'again';
  if (parked.decision === 'discard') return false;
  const undone = await undo(run, { route, version, reason, store, refusal: null });
  if (undone !== 'undone') return undone === 'stands';
  throw failure('Compensated', `an operator compensated operation ${operation.id}: ${reason}`, {
    entity: operation.entity,
    operationId: operation.id,
  });
}

async function replicateOnce(
  { input }: WriteRun,
  { route, decidedBy, version, timing, atOnce }: PrimaryDecision,
  first: boolean,
): Promise<WriteResult> {
  if (first && atOnce) return atOnce;
  const { id, entity, key } = input.operation;
  const tentativeIn = tentativeStore(input);
  const request = { operation: { id, entity, key }, route, decidedBy, version, tentativeIn, timing };
  if (first && atOnce === undefined) {
    try {
      return await localOnce.replicateToSecondary(request);
    } catch (error) {
      log.warn('the secondary did not take the write at once; it is retried until it does', {
        operationId: id,
        reason: messageOf(error),
      });
    }
  }
  return await secondaryRetry(input.policy).replicateToSecondary(request);
}

function refusalOf(result: WriteResult): Refusal {
  return {
    code: result.status === 'conflict' ? result.code : 'StoreRefused',
    reason: 'message' in result ? result.message : 'the operation was aborted at the secondary',
    details: 'details' in result ? (result.details ?? {}) : {},
  };
}
