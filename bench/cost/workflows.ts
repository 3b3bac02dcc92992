import type { Client } from '@temporalio/client';
import { until } from '../../test/support/until.ts';
import { actionsOf } from './actions.ts';

/** Temporal lists a workflow a moment after it began. */
const listedWithinMs = 1_500;

export interface WorkflowCost {
  readonly workflows: number;
  readonly actions: number;
  readonly historyBytes: number;
  readonly historyEvents: number;
}

/** Of all workflows on these task queues that began since then, but for those of schedules, as soon as they are over. */
export async function costOfWorkflows(
  temporal: Client,
  taskQueues: readonly string[],
  since: Date,
): Promise<WorkflowCost> {
  const queues = taskQueues.map((name) => `TaskQueue = '${name}'`).join(' OR ');
  const query = `(${queues}) AND StartTime >= '${since.toISOString()}'`;
  let counted = -1;
  const over = await until('the workflows of the writes are over', async () => {
    await new Promise((resolve) => setTimeout(resolve, listedWithinMs));
    const found = [];
    for await (const listed of temporal.workflow.list({ query })) {
      if (!('TemporalScheduledById' in listed.searchAttributes)) found.push(listed);
    }
    const isSame = found.length === counted;
    counted = found.length;
    return isSame && found.every(({ status }) => status.name === 'COMPLETED') && found;
  });
  let actions = 0;
  let historyBytes = 0;
  let historyEvents = 0;
  for (const { workflowId, runId } of over) {
    const handle = temporal.workflow.getHandle(workflowId, runId);
    const { events } = await handle.fetchHistory();
    const { historySize } = await handle.describe();
    actions += actionsOf(events ?? []);
    historyBytes += historySize ?? 0;
    historyEvents += events?.length ?? 0;
  }
  return { workflows: over.length, actions, historyBytes, historyEvents };
}
