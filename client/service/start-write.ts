import type { Client } from '@temporalio/client';
import { type Ack, plainPatterns } from '../../model/entity.ts';
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
import { type AcknowledgedStart, checkStart, startAcknowledged } from '../temporal/acknowledged-start.ts';
import { startAhead, type WriteStart, withoutAnswer, workerAhead } from './start-ahead.ts';

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
  given: WriteStart,
  input: WriteInput,
  timeoutMs: number,
): Promise<WriteReceipt> {
  const { temporal, migration } = given;
  const { id, entity } = input.operation;
  const until = performance.now() + timeoutMs;
  const start = writeStart(input, timeoutMs);
  const worker = plainPatterns.includes(input.pattern) ? workerAhead(given, input.ack) : null;
  if (worker !== null) {
    checkStart(start);
    const begin = (leftMs: number) => worker.writeAhead(start.workflowId, input, leftMs);
    const [answer] = await startAhead(worker, given, start, begin, timeoutMs).catch((error: unknown) => {
      throw withoutAnswer({ entity, operationId: id }, timeoutMs, error);
    });
    if (answer) return receiptOf(input, answer);
  }
  return await startAcknowledged(temporal, migration, {
    ...start,
    timeoutMs: Math.max(0, until - performance.now()),
  });
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
    recorded: { operationId: id, versions: null, epoch: input.route.epoch },
    operationId: id,
    entities,
    summary: `transaction over ${operations.length} of ${entities.join(', ')}`,
    whenTooLarge: 'split it',
    timeoutMs,
  });
}
