import { status } from '@grpc/grpc-js';
import { Context } from '@temporalio/activity';
import {
  type Client,
  isGrpcServiceError,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { failureIn } from '../../model/carried-failure.ts';
import { withHeartbeat } from '../heartbeat.ts';

/** Where a workflow in bulk stands: it is what Temporal has of it, which nobody else can say. */
export type BulkResult =
  | { readonly status: 'running' }
  /** There is none of that type, or somebody else has started it. */
  | { readonly status: 'none' }
  | { readonly status: 'ended'; readonly result: unknown }
  | { readonly status: 'failed'; readonly reason: string };

export interface BulkResultRequest {
  readonly workflowId: string;
  readonly workflowType: string;
  /** Who must have started it; null takes whoever did. */
  readonly startedBy: string | null;
}

/** So long it is waited for, where it says itself that it ends. */
const waitMs = 5_000;
const pollMs = 100;

/** The result of a workflow in bulk, which has said that it ends. */
export async function bulkResult(request: BulkResultRequest): Promise<BulkResult> {
  const { workflow } = Context.current().client;
  const handle = workflow.getHandle(request.workflowId);
  const known = new Set<string>();
  return await withHeartbeat(async () => {
    const until = performance.now() + waitMs;
    for (;;) {
      const found = await handle.describe().catch(nullWhereNone);
      if (found === null || !isMeant(found, request)) return { status: 'none' };
      if (!(await isOfOurWorkers(found, known))) return { status: 'none' };
      if (found.status.name !== 'RUNNING') break;
      if (performance.now() >= until) return { status: 'running' };
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    try {
      return { status: 'ended', result: await handle.result() };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      return { status: 'failed', reason: failureIn(error)?.message ?? error.cause?.message ?? error.message };
    }
  });
}

function isMeant(
  { type, parentExecution }: WorkflowExecutionDescription,
  wanted: BulkResultRequest,
): boolean {
  const isStartedBy = wanted.startedBy === null || parentExecution?.workflowId === wanted.startedBy;
  return type === wanted.workflowType && isStartedBy;
}

/**
 * Whether each of its runs was for our workers, who look at what comes in: a run that follows another counts on with what that one has
 * counted, and whoever has a worker of their own lets it say anything. What the namespace has of earlier runs no more cannot be asked.
 *
 * @param known runs of which it was so, and of all before them; those that are found are added
 */
async function isOfOurWorkers(
  { workflowId, runId }: WorkflowExecutionDescription,
  known: Set<string>,
): Promise<boolean> {
  const { client, info } = Context.current();
  for (let run: string | null = runId; run && !known.has(run); ) {
    const started = await startOf(client, { workflowId, runId: run });
    if (!started) return run !== runId;
    if (started.taskQueue?.name !== info.taskQueue) return false;
    run = started.continuedExecutionRunId || null;
  }
  known.add(runId);
  return true;
}

async function startOf(
  { workflowService, options }: Client,
  execution: { workflowId: string; runId: string },
) {
  const { namespace } = options;
  const found = await workflowService
    .getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 })
    .catch(nullWhereGone);
  return found?.history?.events?.[0]?.workflowExecutionStartedEventAttributes;
}

function nullWhereGone(error: unknown): null {
  if (isGrpcServiceError(error) && error.code === status.NOT_FOUND) return null;
  throw error;
}

function nullWhereNone(error: unknown): null {
  if (error instanceof WorkflowNotFoundError) return null;
  throw error;
}
