import { log, upsertSearchAttributes } from '@temporalio/workflow';
import { bounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { searchAttributes } from '../messages.ts';
import type { MigrationRun } from './run.ts';

/** The deadline of a migration: a reminder before it, and what happens when it passes. Neither depends on the phase. */

const reportLimitMs = 60_000;

/** When something is due next; infinite when nothing is. */
export function nextReminder({ state, input }: MigrationRun): number {
  const deadline = Date.parse(state.deadline);
  if (state.overdue) return Number.POSITIVE_INFINITY;
  return state.deadlineNear ? deadline : deadline - input.policy.deadlineReminderMs;
}

/** Tells what is due: that the deadline is near, or that it has passed. */
export async function remind(run: MigrationRun): Promise<void> {
  const { phase, deadline } = run.state;
  const overdue = Date.now() >= Date.parse(deadline);
  run.update({ deadlineNear: true, overdue });
  showDeadline(run);
  if (!overdue) {
    log.warn('the deadline of the migration is near', { phase, deadline });
    return;
  }
  log.error('the migration is overdue', { phase, deadline });
  try {
    await bounded(reportLimitMs).reportOverdue({ phase, deadline });
  } catch (error) {
    log.error('nobody could be told that the migration is overdue', { reason: messageOf(error) });
  }
}

/** The reminders of the old deadline are void. */
export function moveDeadline(run: MigrationRun, deadline: string): void {
  run.update({ deadline: new Date(deadline).toISOString(), deadlineNear: false, overdue: false });
  showDeadline(run);
}

/** A search attribute of its own, so that no change of phase takes it away. */
export function showDeadline({ state }: MigrationRun): void {
  const shown = state.overdue ? 'overdue' : state.deadlineNear ? 'near' : 'ahead';
  upsertSearchAttributes({ [searchAttributes.deadline]: [shown] });
}
