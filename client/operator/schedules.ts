import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Migration } from '../../model/migration.ts';
import {
  journalPruneWorkflowId,
  journalRetryWorkflowId,
  reconciliationWorkflowId,
  recoveryWorkflowId,
  replicateCapturedWorkflowId,
} from '../../workflows/messages.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';

/** For work that a run does in seconds: one that finds no worker is given up, so that the next is not kept from starting. */
export const briefRunTimeout = '15 minutes';

/** A workflow of a migration that runs again and again, one run at a time. */
export interface Recurring {
  /** Of the schedule and of its workflow. */
  readonly id: string;
  readonly everyMs: number;
  readonly workflowType: string;
  readonly args?: unknown[];
  readonly workflowExecutionTimeout?: typeof briefRunTimeout;
  readonly staticSummary?: string;
}

/** Lets Temporal start it; safe to repeat, the last interval counts. A schedule that somebody paused stays paused. */
export async function setSchedule(
  { schedule }: Pick<Client, 'schedule'>,
  { name, taskQueue }: Migration,
  { id, everyMs, ...start }: Recurring,
): Promise<void> {
  const options = {
    scheduleId: id,
    spec: { intervals: [{ every: everyMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowId: id,
      taskQueue,
      typedSearchAttributes: searchAttributesOf(name),
      ...start,
    },
  } satisfies ScheduleOptions;
  try {
    await schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await schedule.getHandle(id).update(({ state }) => ({ ...options, state }));
  }
}

/** False where there was no schedule. */
export async function removeSchedule({ schedule }: Pick<Client, 'schedule'>, id: string): Promise<boolean> {
  try {
    await schedule.getHandle(id).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

/** Ends all schedules of a migration, whoever made them, and gives their ids: for the migration's end. */
export async function removeSchedules(
  client: Pick<Client, 'schedule'>,
  migration: string,
): Promise<string[]> {
  const removed: string[] = [];
  for (const idOf of schedules)
    if (await removeSchedule(client, idOf(migration))) removed.push(idOf(migration));
  return removed;
}

/** By their workflows, whose ids they share. */
const schedules = [
  journalRetryWorkflowId,
  journalPruneWorkflowId,
  replicateCapturedWorkflowId,
  recoveryWorkflowId,
  reconciliationWorkflowId,
];
