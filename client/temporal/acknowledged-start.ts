import { setTimeout } from 'node:timers/promises';
import {
  type Client,
  isGrpcDeadlineError,
  type UpdateDefinition,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { type AskedWrite, operationIdPattern, type WriteInput } from '../../model/operation.ts';
import type { SaveRequest } from '../../model/save.ts';
import type { TransactionInput } from '../../model/transaction.ts';
import type { WriteGroupInput } from '../../model/write-group.ts';
import { answerOf, isNotReady, reasonOf } from './failures.ts';
import { searchAttributesOf } from './search-attributes.ts';

/** Temporal refuses payloads of 2 MiB; what the server adds around ours is small. */
const maxPayloadBytes = 2 * 1024 * 1024 - 16 * 1024;
/** So long it takes to notice a worker that was lost while it carried out a write. */
const workflowTaskTimeout = '5s';
/** How soon a workflow is asked again whose workers were lost. */
const notReadyPauseMs = 500;

type AcknowledgedInput = WriteInput | WriteGroupInput | TransactionInput;

/** The workflows `write`, `writeGroup` and `transaction`, which live on the other side of the task queue. */
type Acknowledging = (input: AcknowledgedInput) => Promise<unknown>;

/** A workflow whose caller waits for the acknowledgement, and not for its end. */
export interface AcknowledgedStart<Receipt, Asked = AskedWrite | SaveRequest> {
  readonly workflowType: 'write' | 'writeGroup' | 'transaction';
  readonly workflowId: string;
  readonly input: AcknowledgedInput;
  readonly acknowledgement: UpdateDefinition<Receipt, [asked?: Asked]>;
  /** Default: its id says which one it is. */
  readonly asked?: Asked;
  /** The answer with `ack: 'recorded'`: it has begun, and nothing more is known. */
  readonly recorded: Receipt;
  readonly operationId: string;
  readonly entities: readonly string[];
  readonly summary: string;
  /** What to do where the input is larger than Temporal takes. */
  readonly whenTooLarge: string;
  /** Default: the migration's `callerTimeoutMs`. */
  readonly timeoutMs: number | null;
}

export interface About {
  readonly entity: string;
  readonly operationId: string;
}

/**
 * Throws the workflow's own failure, or `OutcomeUnknown` where no answer came in time: it may still take effect, and sending it
 * again with the same operation id is safe.
 */
export async function startAcknowledged<Receipt, Asked>(
  client: Client,
  { taskQueue, policy }: Migration,
  start: AcknowledgedStart<Receipt, Asked>,
): Promise<Receipt> {
  const { workflowType, entities, operationId } = start;
  const about = { entity: entities.join(', '), operationId };
  checkStart(start);
  const timeoutMs = start.timeoutMs ?? policy.callerTimeoutMs;
  return await answerOf(
    () => sendStart(client, taskQueue, start, timeoutMs),
    (error) => unknownOutcome(workflowType, about, timeoutMs, error),
  );
}

/** A workflow to start, and the update that answers. */
export type Start<Receipt, Asked = AskedWrite | SaveRequest> = Pick<
  AcknowledgedStart<Receipt, Asked>,
  'workflowType' | 'workflowId' | 'input' | 'acknowledgement' | 'asked' | 'recorded' | 'entities' | 'summary'
>;

/** Starts it and waits for the answer, as long as there is time. Throws what Temporal's client does. */
export async function sendStart<Receipt, Asked>(
  client: Client,
  taskQueue: string,
  start: Start<Receipt, Asked>,
  timeoutMs: number,
): Promise<Receipt> {
  const options = startOptions(taskQueue, start);
  return await whileThereIsTime(client, timeoutMs, async () => {
    if (start.input.ack === 'recorded') return await record(client, options, start);
    return await client.workflow.executeUpdateWithStart(start.acknowledgement, {
      args: start.asked === undefined ? [] : [start.asked],
      startWorkflowOperation: new WithStartWorkflowOperation<Acknowledging>(start.workflowType, options),
    });
  });
}

/**
 * Starts it without waiting for an answer, as long as there is time. A worker that shares the client's connection gets its first
 * task with the reply. Throws what Temporal's client does.
 *
 * @returns whether it got it; where its slots are taken, or the workflow is running already, it did not
 */
export async function sendEagerStart(
  client: Client,
  taskQueue: string,
  start: Start<unknown>,
  timeoutMs: number,
): Promise<boolean> {
  const options = { ...startOptions(taskQueue, start), requestEagerStart: true };
  const { eagerlyStarted } = await whileThereIsTime(client, timeoutMs, () =>
    client.workflow.start<Acknowledging>(start.workflowType, options),
  );
  return eagerlyStarted;
}

/** Where one runs already, it is asked whether it is the one that is meant: else nobody would know of this one. */
async function record<Receipt, Asked>(
  client: Client,
  options: ReturnType<typeof startOptions>,
  start: Start<Receipt, Asked>,
): Promise<Receipt> {
  try {
    const anew = { ...options, workflowIdConflictPolicy: 'FAIL' } as const;
    await client.workflow.start<Acknowledging>(start.workflowType, anew);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await client.workflow
      .getHandle(start.workflowId)
      .executeUpdate<Receipt, [Asked | undefined]>(start.acknowledgement.name, { args: [start.asked] });
  }
  return start.recorded;
}

function startOptions(
  taskQueue: string,
  {
    workflowId,
    input,
    entities,
    summary,
  }: Pick<Start<unknown>, 'workflowId' | 'input' | 'entities' | 'summary'>,
) {
  return {
    workflowId,
    taskQueue,
    args: [input] as [AcknowledgedInput],
    workflowTaskTimeout,
    workflowIdConflictPolicy: 'USE_EXISTING' as const,
    staticSummary: summary,
    typedSearchAttributes: searchAttributesOf(input.migration, entities[0]),
  };
}

/** Sends again while Temporal is away, or takes no question for the workflow. */
async function whileThereIsTime<T>(client: Client, timeoutMs: number, send: () => Promise<T>): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = until - performance.now();
    try {
      return await client.connection.withDeadline(Date.now() + leftMs, send);
    } catch (error) {
      if (!isNotReady(error) || performance.now() + notReadyPauseMs >= until) throw error;
      await setTimeout(notReadyPauseMs);
    }
  }
}

export function unknownOutcome(what: string, about: About, timeoutMs: number, error: unknown): LockstepError {
  const late = error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcDeadlineError(error);
  const why = late ? `no answer within ${Math.round(timeoutMs)} ms` : reasonOf(error);
  return new LockstepError(
    'OutcomeUnknown',
    `${about.entity}: ${what} ${about.operationId} has no known outcome (${why}); ` +
      'it may still take effect. Send it again with the same operationId, or look with lockstep writes show',
    about,
    { cause: error },
  );
}

/** Throws `InvalidOperationId` or `TooLarge` where Temporal would not take it. */
export function checkStart(
  start: Pick<
    AcknowledgedStart<unknown>,
    'workflowType' | 'input' | 'whenTooLarge' | 'entities' | 'operationId'
  >,
): void {
  const { workflowType, input, whenTooLarge, entities, operationId } = start;
  checkOperationId(operationId);
  const about = { entity: entities.join(', '), operationId };
  const bytes = Buffer.byteLength(JSON.stringify(input));
  if (bytes <= maxPayloadBytes) return;
  throw new LockstepError(
    'TooLarge',
    `${about.entity}: the ${workflowType} has ${bytes} bytes, Temporal takes at most ${maxPayloadBytes}; ${whenTooLarge}`,
    about,
  );
}

/** Types are no check: a service may be in JavaScript. */
export function checkOperationId(id: unknown): asserts id is string {
  if (typeof id === 'string' && operationIdPattern.test(id)) return;
  const found = typeof id === 'string' ? `has ${id.length} characters or others than` : `is no text of`;
  throw new LockstepError(
    'InvalidOperationId',
    `the operation id ${found} letters, digits and _ . : @ -; use at most 160 of them`,
  );
}
