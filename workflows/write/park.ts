import { log, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { OperationStatus, WriteRoute } from '../../model/operation.ts';
import { unbounded } from '../activities.ts';
import { failure } from '../failures.ts';
import { type Resolution, searchAttributes } from '../messages.ts';
import { parkedDetails } from './details.ts';
import type { WriteRun } from './run.ts';

/** Why a write waits for an operator, and in which store's journal. */
export interface ParkRequest {
  readonly store: WriteRoute['primary'];
  readonly failure: AnyFailureCode;
  readonly reason: string;
  /** It took effect there and could not be undone. */
  readonly undoing: boolean;
}

/** An operator's decision, or what the journal says has become of the operation meanwhile. */
export type ParkOutcome = { readonly decision: Resolution } | { readonly status: OperationStatus };

/** Parks the write and waits for an operator. The caller of `ack: 'both'` is told; the write itself stays pending. */
export async function park(
  run: WriteRun,
  { store, failure: code, reason, undoing }: ParkRequest,
): Promise<ParkOutcome> {
  const { id: operationId, entity, kind } = run.input.operation;
  run.takeDecisions();
  const status = await unbounded.parkOperation({ store, operationId, failure: code, reason, undoing });
  if (status !== 'parked') {
    run.ignoreDecisions();
    return { status };
  }
  run.enter('parked', { reason });
  upsertSearchAttributes({ [searchAttributes.state]: ['parked'] });
  setCurrentDetails(parkedDetails({ kind, entity, store, reason }));
  log.error('the write is parked', { operationId, entity, reason });
  const { version } = run.status;
  run.acknowledgement.refuse(
    failure(
      'Parked',
      `the write is in the ${store} store only: ${reason}; an operator decides (lockstep writes show ${operationId})`,
      { entity, operationId, reason, ...(version ? { version } : {}) },
    ),
  );
  const decision = await run.decision();
  setCurrentDetails('');
  run.enter('secondary');
  if (decision === 'discard') {
    await unbounded.setOperationStatus({ store, operationId, status: 'discarded', reason });
  }
  return { decision };
}
