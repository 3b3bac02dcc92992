import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { GaugeSource } from '../activities/gauges.ts';
import { migrationWorkflowId, searchAttributes } from '../workflows/messages.ts';

/** Whether the deadline of the migration is ahead, near or over, as its workflow says. No reading where nobody leads it. */
export function createDeadlineGauge(temporal: Client, migration: string): GaugeSource {
  return {
    gauges: [
      {
        name: 'migration_overdue',
        unit: '',
        description: '1 where the deadline of the migration has passed, else 0',
      },
    ],
    async read() {
      const shown = await deadlineOf(temporal, migration);
      if (shown === null) return [];
      return [{ gauge: 'migration_overdue', value: shown === 'overdue' ? 1 : 0, tags: { migration } }];
    },
  };
}

async function deadlineOf(temporal: Client, migration: string): Promise<unknown> {
  try {
    const found = await temporal.workflow.getHandle(migrationWorkflowId(migration)).describe();
    const [shown] = found.searchAttributes[searchAttributes.deadline] ?? [];
    return found.status.name === 'RUNNING' ? (shown ?? null) : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
