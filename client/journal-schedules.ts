import type { ScheduleOptions } from '@temporalio/client';
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { Migration } from '../model/migration.ts';
import { journalPruneWorkflowId, journalRetryWorkflowId, searchAttributes } from '../workflows/messages.ts';

/** A run that finds no worker is given up, so that the next one is not kept from starting. */
const runTimeout = '15 minutes';

/** Lets Temporal look after the journal as the policy says; safe to repeat. */
export async function scheduleJournal(client: Client, migration: Migration): Promise<void> {
  for (const { everyMs, ...schedule } of schedulesOf(migration)) {
    if (everyMs === 0) {
      await remove(client, schedule.scheduleId);
      continue;
    }
    const options: ScheduleOptions = {
      ...schedule,
      spec: { intervals: [{ every: everyMs }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    };
    try {
      await client.schedule.create(options);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(schedule.scheduleId).update(({ state }) => ({ ...options, state }));
    }
  }
}

/** For the end of a migration. */
export async function unscheduleJournal(client: Client, migration: Migration): Promise<void> {
  for (const { scheduleId } of schedulesOf(migration)) await remove(client, scheduleId);
}

async function remove(client: Client, scheduleId: string): Promise<void> {
  try {
    await client.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

function schedulesOf({ name, policy, taskQueue }: Migration) {
  const common = {
    type: 'startWorkflow' as const,
    taskQueue,
    workflowExecutionTimeout: runTimeout,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: defineSearchAttributeKey(searchAttributes.migration, 'KEYWORD'), value: name },
    ]),
  };
  return [
    {
      scheduleId: journalRetryWorkflowId(name),
      everyMs: policy.journalRetryEveryMs,
      action: {
        ...common,
        workflowId: journalRetryWorkflowId(name),
        workflowType: 'retryFailedOperations',
        args: [
          {
            migration: name,
            parked: false,
            olderThanMs: policy.journalRetryAfterMs,
            ids: null,
            carried: null,
          },
        ],
      },
    },
    {
      scheduleId: journalPruneWorkflowId(name),
      everyMs: policy.journalPruneEveryMs,
      action: {
        ...common,
        workflowId: journalPruneWorkflowId(name),
        workflowType: 'pruneJournal',
        args: [],
      },
    },
  ];
}
