import { Context } from '@temporalio/activity';
import {
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
  return await withHeartbeat(async () => {
    const until = performance.now() + waitMs;
    for (;;) {
      const found = await handle.describe().catch(nullWhereNone);
      if (found === null || !isMeant(found, request)) return { status: 'none' };
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

function nullWhereNone(error: unknown): null {
  if (error instanceof WorkflowNotFoundError) return null;
  throw error;
}
