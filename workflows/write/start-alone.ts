import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { WriteInput } from '../../model/operation.ts';
import { searchAttributes, writeWorkflowId } from '../messages.ts';
import { write as writeAlone } from './write.ts';

/** So long it takes to notice a worker that was lost while it carried out a write. */
const workflowTaskTimeout = '5s';

/** Gives a write a workflow of its own, under the id that it would have had alone; it outlives this one. */
export async function startAlone(input: WriteInput): Promise<void> {
  const { migration, operation } = input;
  const { id, entity, kind } = operation;
  try {
    await startChild(writeAlone, {
      workflowId: writeWorkflowId(migration, id),
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowTaskTimeout,
      staticSummary: `${kind} ${entity}`,
      searchAttributes: { [searchAttributes.migration]: [migration], [searchAttributes.entity]: [entity] },
    });
  } catch (error) {
    // Its caller was faster, or has sent it before: whichever it is sees to it.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
