import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Migration } from '../../model/migration.ts';
import {
  backfillWorkflowId,
  journalPruneWorkflowId,
  journalRetryWorkflowId,
  type Rounds,
  reconciliationWorkflowId,
  recoveryWorkflowId,
  replicateCapturedWorkflowId,
  validationWorkflowId,
} from '../../workflows/messages.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';

/**
 * A run of a schedule does the work of many rounds: each run is a row in Temporal's list of workflows, which is for what people
 * have begun.
 */
const roundsMs = 1_800_000;
/** So that no history grows long. */
const maxRounds = 200;

/** What a run is told that goes on for `roundsMs`, or for fewer rounds. The schedule starts another within an interval. */
export function roundsEvery(everyMs: number): Rounds {
  return { everyMs, rounds: Math.min(maxRounds, Math.max(1, Math.floor(roundsMs / everyMs))) };
}

/** One that finds no worker is given up, so that the next is not kept from starting. */
export const runTimeout = '45 minutes';

/** A workflow of a migration that runs again and again, one run at a time. */
export interface Recurring {
  /** Of the schedule and of its workflow. */
  readonly id: string;
  readonly everyMs: number;
  readonly workflowType: string;
  readonly args?: unknown[];
  readonly workflowExecutionTimeout?: typeof runTimeout;
  readonly staticSummary: string;
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
    typedSearchAttributes: searchAttributesOf(name),
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

/**
 * Ends all schedules of a migration, whoever made them, and gives their ids: for the migration's end. What they have running is
 * cancelled, and so is bulk work that somebody has begun.
 */
export async function removeSchedules(
  client: Pick<Client, 'schedule' | 'workflow'>,
  migration: string,
): Promise<string[]> {
  const removed: string[] = [];
  const running = begunByHand.map((idOf) => idOf(migration));
  for (const idOf of schedules) {
    const id = idOf(migration);
    running.push(...(await runsOf(client, id)));
    if (await removeSchedule(client, id)) removed.push(id);
  }
  for (const id of running) await cancel(client, id);
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

const begunByHand = [
  backfillWorkflowId,
  validationWorkflowId,
  reconciliationWorkflowId,
  journalRetryWorkflowId,
];

/** The workflows that a schedule has running, by their ids. */
async function runsOf({ schedule }: Pick<Client, 'schedule'>, id: string): Promise<string[]> {
  try {
    const { info } = await schedule.getHandle(id).describe();
    return info.runningActions.map(({ workflow }) => workflow.workflowId);
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return [];
    throw error;
  }
}

async function cancel({ workflow }: Pick<Client, 'workflow'>, id: string): Promise<void> {
  try {
    await workflow.getHandle(id).cancel();
  } catch (error) {
    // It is over, or never was.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
