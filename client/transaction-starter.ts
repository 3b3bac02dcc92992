import { type Client, WithStartWorkflowOperation } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { Ack } from '../model/entity.ts';
import type { Migration } from '../model/migration.ts';
import { routeOf } from '../model/operation.ts';
import type { DurableState } from '../model/phase.ts';
import type { Transaction, TransactionInput, TransactionReceipt } from '../model/transaction.ts';
import { transactionAcknowledged, transactionWorkflowId } from '../workflows/messages.ts';
import { answeredFailure } from './failures.ts';
import {
  checkOperationId,
  checkSize,
  entityKey,
  migrationKey,
  unknownOutcome,
  workflowTaskTimeout,
} from './write-starter.ts';

/** The workflow `transaction`, which lives on the other side of the task queue. */
type TransactionWorkflow = (input: TransactionInput) => Promise<TransactionReceipt>;

/** Starts transactions and waits for their acknowledgement. */
export class TransactionStarter {
  readonly #client: Client;
  readonly #migration: Migration;

  constructor(client: Client, migration: Migration) {
    this.#client = client;
    this.#migration = migration;
  }

  /**
   * Throws the transaction's own failure, or `OutcomeUnknown` where no answer came in time: it may still take effect, and
   * sending it again with the same operation id is safe.
   */
  async run(
    transaction: Transaction,
    state: DurableState,
    options: { ack: Ack; timeoutMs: number | null },
  ): Promise<TransactionReceipt> {
    checkOperationId(transaction.id);
    const { policy, name } = this.#migration;
    const input: TransactionInput = {
      migration: name,
      transaction,
      ack: options.ack,
      route: routeOf(state),
      policy: { primaryGiveUpMs: policy.primaryGiveUpMs, journalRetentionMs: policy.journalRetentionMs },
    };
    const about = { entity: entityNames(transaction), operationId: transaction.id };
    checkSize('transaction', 'split it', input, about);
    const timeoutMs = options.timeoutMs ?? policy.callerTimeoutMs;
    try {
      return await this.#client.connection.withDeadline(Date.now() + timeoutMs, () => this.#send(input));
    } catch (error) {
      throw answeredFailure(error) ?? unknownOutcome('transaction', about, timeoutMs, error);
    }
  }

  async #send(input: TransactionInput): Promise<TransactionReceipt> {
    const { id, operations } = input.transaction;
    const entities = [...new Set(operations.map((operation) => operation.entity))];
    const start = {
      workflowId: transactionWorkflowId(input.migration, id),
      taskQueue: this.#migration.taskQueue,
      args: [input] as [TransactionInput],
      workflowTaskTimeout,
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      staticSummary: `transaction over ${operations.length} of ${entities.join(', ')}`,
      typedSearchAttributes: new TypedSearchAttributes([
        { key: migrationKey, value: input.migration },
        { key: entityKey, value: entities[0] ?? '' },
      ]),
    };
    if (input.ack === 'recorded') {
      await this.#client.workflow.start<TransactionWorkflow>('transaction', start);
      return { operationId: id, versions: null, epoch: input.route.epoch };
    }
    return await this.#client.workflow.executeUpdateWithStart(transactionAcknowledged, {
      startWorkflowOperation: new WithStartWorkflowOperation<TransactionWorkflow>('transaction', start),
    });
  }
}

function entityNames({ operations }: Transaction): string {
  return [...new Set(operations.map((operation) => operation.entity))].join(', ');
}
