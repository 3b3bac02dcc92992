import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';

/**
 * Those of the workflows that still run. They are looked at and not signalled: a signal would fail the first task of a write that
 * is just being answered.
 */
export async function runningWorkflows(request: {
  workflowIds: readonly string[];
}): Promise<readonly string[]> {
  const { workflow } = Context.current().client;
  const running: string[] = [];
  for (const id of request.workflowIds) {
    try {
      const { status } = await workflow.getHandle(id).describe();
      if (status.name === 'RUNNING') running.push(id);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  return running;
}
