import type { Client } from '@temporalio/client';
import type { Ack } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import type { CommitReceipt, Transaction } from '../../model/transaction.ts';
import { transactionInput } from '../../model/workflow-inputs.ts';
import type { GroupedAnswer } from '../../model/write-group.ts';
import {
  acknowledged,
  transactionAcknowledged,
  transactionWorkflowId,
  writeWorkflowId,
} from '../../workflows/messages.ts';
import { type AcknowledgedStart, startAcknowledged } from '../temporal/acknowledged-start.ts';

/** With what writes are started. */
export interface WriteStart {
  readonly temporal: Client;
  readonly migration: Migration;
}

interface StartOptions {
  readonly ack: Ack;
  /** Default: the migration's `callerTimeoutMs`. */
  readonly timeoutMs: number | null;
}

/** The workflow of one write. */
export function writeStart(input: WriteInput, timeoutMs: number): AcknowledgedStart<WriteReceipt> {
  const { id, kind, entity, key } = input.operation;
  return {
    workflowType: 'write',
    workflowId: writeWorkflowId(input.migration, id),
    input,
    acknowledgement: acknowledged,
    asked: { entity, kind, key },
    recorded: { operationId: id, version: null, epoch: input.route.epoch },
    operationId: id,
    entities: [entity],
    summary: `${kind} ${entity}`,
    whenTooLarge: 'split the record or keep large values elsewhere',
    timeoutMs,
  };
}

/** Starts a write's workflow and waits for its acknowledgement; throws as `startAcknowledged` does. */
export async function startWrite(
  { temporal, migration }: WriteStart,
  input: WriteInput,
  timeoutMs: number,
): Promise<WriteReceipt> {
  return await startAcknowledged(temporal, migration, writeStart(input, timeoutMs));
}

/** Throws the failure that is the answer. */
export function receiptOf({ operation, route }: WriteInput, answer: GroupedAnswer): WriteReceipt {
  if (answer.status === 'failed') throw new LockstepError(answer.code, answer.message, answer.details);
  if (answer.status === 'apart') throw new TypeError('a write that goes apart is asked for under its own id');
  return { operationId: operation.id, version: answer.version, epoch: route.epoch };
}

/** Starts a transaction's workflow and waits for its acknowledgement; throws as `startAcknowledged` does. */
export function startTransaction(
  temporal: Client,
  migration: Migration,
  { transaction, state }: { transaction: Transaction; state: DurableState },
  { ack, timeoutMs }: StartOptions,
): Promise<CommitReceipt> {
  const { id, operations } = transaction;
  const entities = [...new Set(operations.map((operation) => operation.entity))];
  const input = transactionInput(migration, { transaction, state }, ack);
  return startAcknowledged(temporal, migration, {
    workflowType: 'transaction',
    workflowId: transactionWorkflowId(migration.name, id),
    input,
    acknowledgement: transactionAcknowledged,
    asked: operations.map(({ entity, kind, key }) => ({ entity, kind, key })),
    recorded: { operationId: id, versions: null, epoch: input.route.epoch },
    operationId: id,
    entities,
    summary: `transaction over ${operations.length} of ${entities.join(', ')}`,
    whenTooLarge: 'split it',
    timeoutMs,
  });
}
