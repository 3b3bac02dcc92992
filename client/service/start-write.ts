import type { Client } from '@temporalio/client';
import type { Ack, Entity } from '../../model/entity.ts';
import type { Migration } from '../../model/migration.ts';
import { type Operation, routeOf, type WriteInput, type WriteReceipt } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import { writePolicyOf } from '../../model/policy.ts';
import { isInRollout } from '../../model/rollout.ts';
import type { CommitReceipt, Transaction, TransactionInput } from '../../model/transaction.ts';
import {
  acknowledged,
  transactionAcknowledged,
  transactionWorkflowId,
  writeWorkflowId,
} from '../../workflows/messages.ts';
import { startAcknowledged } from '../temporal/acknowledged-start.ts';

interface StartOptions {
  readonly ack: Ack;
  /** Default: the migration's `callerTimeoutMs`. */
  readonly timeoutMs: number | null;
}

/** What the workflow `write` is started with. */
export function writeInput(
  { policy, name }: Migration,
  { entity, operation, state }: { entity: Entity; operation: Operation; state: DurableState },
  { ack, dualWrite }: Pick<WriteInput, 'ack' | 'dualWrite'>,
): WriteInput {
  const { id } = operation;
  return {
    migration: name,
    operation,
    pattern: entity.pattern,
    ack,
    route: routeOf(state, dualWrite),
    dualWrite,
    validateAfterMs: isInRollout('validate', id, policy.validateShare * 100) ? policy.validateDelayMs : null,
    policy: writePolicyOf(policy),
  };
}

/** Starts a write's workflow and waits for its acknowledgement; throws as `startAcknowledged` does. */
export function startWrite(
  temporal: Client,
  migration: Migration,
  input: WriteInput,
  timeoutMs: number,
): Promise<WriteReceipt> {
  const { id, kind, entity } = input.operation;
  return startAcknowledged(temporal, migration, {
    workflowType: 'write',
    workflowId: writeWorkflowId(input.migration, id),
    input,
    acknowledgement: acknowledged,
    recorded: { operationId: id, version: null, epoch: input.route.epoch },
    operationId: id,
    entities: [entity],
    summary: `${kind} ${entity}`,
    whenTooLarge: 'split the record or keep large values elsewhere',
    timeoutMs,
  });
}

/** Starts a transaction's workflow and waits for its acknowledgement; throws as `startAcknowledged` does. */
export function startTransaction(
  temporal: Client,
  migration: Migration,
  { transaction, state }: { transaction: Transaction; state: DurableState },
  { ack, timeoutMs }: StartOptions,
): Promise<CommitReceipt> {
  const { policy, name } = migration;
  const { id, operations } = transaction;
  const entities = [...new Set(operations.map((operation) => operation.entity))];
  const input: TransactionInput = {
    migration: name,
    transaction,
    ack,
    route: routeOf(state),
    policy: { primaryGiveUpMs: policy.primaryGiveUpMs, journalRetentionMs: policy.journalRetentionMs },
  };
  return startAcknowledged(temporal, migration, {
    workflowType: 'transaction',
    workflowId: transactionWorkflowId(name, id),
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
