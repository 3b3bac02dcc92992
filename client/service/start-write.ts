import type { Client } from '@temporalio/client';
import type { Ack, Entity } from '../../model/entity.ts';
import type { Migration } from '../../model/migration.ts';
import { type Operation, routeOf, type WriteInput, type WriteReceipt } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import { inShare } from '../../model/share.ts';
import { acknowledged, writeWorkflowId } from '../../workflows/messages.ts';
import { startAcknowledged } from '../temporal/acknowledged-start.ts';

/** Starts write workflows and waits for their acknowledgement; throws as `startAcknowledged` does. */
export class WriteStarter {
  readonly #client: Client;
  readonly #migration: Migration;

  constructor(client: Client, migration: Migration) {
    this.#client = client;
    this.#migration = migration;
  }

  write(
    entity: Entity,
    operation: Operation,
    state: DurableState,
    options: { dualWrite: boolean; ack: Ack; timeoutMs: number | null },
  ): Promise<WriteReceipt> {
    const { policy, name } = this.#migration;
    const input: WriteInput = {
      migration: name,
      operation,
      pattern: entity.pattern,
      ack: options.ack,
      route: routeOf(state),
      dualWrite: options.dualWrite,
      validateAfterMs: inShare('validate', operation.id, policy.validateShare * 100)
        ? policy.validateDelayMs
        : null,
      policy: {
        primaryGiveUpMs: policy.primaryGiveUpMs,
        secondaryRetryMs: policy.secondaryRetryMs,
        secondaryRetryMaxMs: policy.secondaryRetryMaxMs,
        conflictAttempts: policy.conflictAttempts,
        journalRetentionMs: policy.journalRetentionMs,
      },
    };
    return startAcknowledged(this.#client, this.#migration, {
      workflowType: 'write',
      workflowId: writeWorkflowId(name, operation.id),
      input,
      acknowledgement: acknowledged,
      recorded: { operationId: operation.id, version: null, epoch: input.route.epoch },
      operationId: operation.id,
      entities: [entity.name],
      summary: `${operation.kind} ${entity.name}`,
      whenTooLarge: 'split the record or keep large values elsewhere',
      timeoutMs: options.timeoutMs,
    });
  }
}
