import type { Client } from '@temporalio/client';
import type { Ack } from '../../model/entity.ts';
import type { Migration } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import type { Transaction, TransactionInput, TransactionReceipt } from '../../model/transaction.ts';
import { transactionAcknowledged, transactionWorkflowId } from '../../workflows/messages.ts';
import { startAcknowledged } from '../temporal/acknowledged-start.ts';

/** Starts transactions and waits for their acknowledgement; throws as `startAcknowledged` does. */
export class TransactionStarter {
  readonly #client: Client;
  readonly #migration: Migration;

  constructor(client: Client, migration: Migration) {
    this.#client = client;
    this.#migration = migration;
  }

  run(
    transaction: Transaction,
    state: DurableState,
    options: { ack: Ack; timeoutMs: number | null },
  ): Promise<TransactionReceipt> {
    const { policy, name } = this.#migration;
    const { id, operations } = transaction;
    const entities = [...new Set(operations.map((operation) => operation.entity))];
    const input: TransactionInput = {
      migration: name,
      transaction,
      ack: options.ack,
      route: routeOf(state),
      policy: { primaryGiveUpMs: policy.primaryGiveUpMs, journalRetentionMs: policy.journalRetentionMs },
    };
    return startAcknowledged(this.#client, this.#migration, {
      workflowType: 'transaction',
      workflowId: transactionWorkflowId(name, id),
      input,
      acknowledgement: transactionAcknowledged,
      recorded: { operationId: id, versions: null, epoch: input.route.epoch },
      operationId: id,
      entities,
      summary: `transaction over ${operations.length} of ${entities.join(', ')}`,
      whenTooLarge: 'split it',
      timeoutMs: options.timeoutMs,
    });
  }
}
