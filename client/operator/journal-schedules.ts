import type { Client } from '@temporalio/client';
import type { Migration } from '../../model/migration.ts';
import { journalPruneWorkflowId, journalRetryWorkflowId } from '../../workflows/messages.ts';
import { type Recurring, removeSchedule, roundsEvery, runTimeout, setSchedule } from './schedules.ts';

/** Lets Temporal look after the journal as the policy says; safe to repeat. */
export async function scheduleJournal(client: Client, migration: Migration): Promise<void> {
  for (const recurring of schedulesOf(migration)) {
    if (recurring.everyMs === 0) await removeSchedule(client, recurring.id);
    else await setSchedule(client, migration, recurring);
  }
}

function schedulesOf({ name, policy }: Migration): Recurring[] {
  return [
    {
      id: journalRetryWorkflowId(name),
      everyMs: policy.journalRetryEveryMs,
      workflowType: 'retryFailedOperations',
      staticSummary: `retry the pending operations of ${name}`,
      workflowExecutionTimeout: runTimeout,
      args: [
        {
          migration: name,
          parked: false,
          olderThanMs: policy.journalRetryAfterMs,
          ids: null,
          carried: null,
          rounds: roundsEvery(policy.journalRetryEveryMs),
        },
      ],
    },
    {
      id: journalPruneWorkflowId(name),
      everyMs: policy.journalPruneEveryMs,
      workflowType: 'pruneJournal',
      staticSummary: `prune the journals of ${name}`,
      workflowExecutionTimeout: runTimeout,
    },
  ];
}
