import {
  type Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { Ack, Entity } from '../model/entity.ts';
import { LockstepError } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { type Operation, routeOf, type WriteInput, type WriteReceipt } from '../model/operation.ts';
import type { DurableState } from '../model/phase.ts';
import { inShare } from '../model/share.ts';
import { acknowledged, searchAttributes, writeWorkflowId } from '../workflows/messages.ts';
import { answeredFailure, reasonOf } from './failures.ts';

/** Temporal refuses payloads of 2 MiB; what the server adds around ours is small. */
const largestPayloadBytes = 2 * 1024 * 1024 - 16 * 1024;
/** The workflow `write`, which lives on the other side of the task queue. */
type Write = (input: WriteInput) => Promise<WriteReceipt>;

export const workflowTaskTimeout = '10s';

export const migrationKey = defineSearchAttributeKey(searchAttributes.migration, 'KEYWORD');
export const entityKey = defineSearchAttributeKey(searchAttributes.entity, 'KEYWORD');

/** Starts write workflows and waits for their acknowledgement. */
export class WriteStarter {
  readonly #client: Client;
  readonly #migration: Migration;

  constructor(client: Client, migration: Migration) {
    this.#client = client;
    this.#migration = migration;
  }

  /**
   * Throws the write's own failure, or `OutcomeUnknown` where no answer came in time: the write may still take effect, and
   * sending it again with the same operation id is safe.
   */
  async write(
    entity: Entity,
    operation: Operation,
    state: DurableState,
    options: { dualWrite: boolean; ack: Ack; timeoutMs: number | null },
  ): Promise<WriteReceipt> {
    const { policy } = this.#migration;
    checkOperationId(operation.id);
    const input: WriteInput = {
      migration: this.#migration.name,
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
    const about = { entity: entity.name, operationId: operation.id };
    checkSize('write', 'split the record or keep large values elsewhere', input, about);
    const timeoutMs = options.timeoutMs ?? policy.callerTimeoutMs;
    try {
      return await this.#client.connection.withDeadline(Date.now() + timeoutMs, () => this.#send(input));
    } catch (error) {
      throw answeredFailure(error) ?? unknownOutcome(operation.kind, about, timeoutMs, error);
    }
  }

  async #send(input: WriteInput): Promise<WriteReceipt> {
    const start = {
      workflowId: writeWorkflowId(input.migration, input.operation.id),
      taskQueue: this.#migration.taskQueue,
      args: [input] as [WriteInput],
      workflowTaskTimeout,
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      staticSummary: `${input.operation.kind} ${input.operation.entity}`,
      typedSearchAttributes: new TypedSearchAttributes([
        { key: migrationKey, value: input.migration },
        { key: entityKey, value: input.operation.entity },
      ]),
    };
    if (input.ack === 'recorded') {
      await this.#client.workflow.start<Write>('write', start);
      return { operationId: input.operation.id, version: null, epoch: input.route.epoch };
    }
    return await this.#client.workflow.executeUpdateWithStart(acknowledged, {
      startWorkflowOperation: new WithStartWorkflowOperation<Write>('write', start),
    });
  }
}

/** Of a write or a transaction whose answer did not come. */
export function unknownOutcome(
  what: string,
  about: { entity: string; operationId: string },
  timeoutMs: number,
  error: unknown,
): LockstepError {
  const late = error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcServiceError(error);
  const why = late ? `no answer within ${timeoutMs} ms` : reasonOf(error);
  return new LockstepError(
    'OutcomeUnknown',
    `${about.entity}: ${what} ${about.operationId} has no known outcome (${why}); ` +
      'it may still take effect. Send it again with the same operationId, or look with lockstep writes show',
    about,
    { cause: error },
  );
}

export function checkSize(
  what: string,
  remedy: string,
  input: unknown,
  about: { entity: string; operationId: string },
): void {
  const bytes = Buffer.byteLength(JSON.stringify(input));
  if (bytes <= largestPayloadBytes) return;
  throw new LockstepError(
    'InvalidRequest',
    `${about.entity}: the ${what} has ${bytes} bytes, Temporal takes at most ${largestPayloadBytes}; ${remedy}`,
    about,
  );
}

export function checkOperationId(id: string): void {
  if (/^[\w.:@-]{1,160}$/.test(id)) return;
  throw new LockstepError(
    'InvalidRequest',
    `the operation id has ${id.length} characters or others than letters, digits and _ . : @ -; use at most 160 of them`,
  );
}
