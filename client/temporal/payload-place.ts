import type { SerializationContext } from '@temporalio/common';

/**
 * Where a payload belongs: namespace, workflow, and the activity where it is of one. It stands beside what is encrypted, and is
 * authenticated with it, so that nobody who can write to Temporal moves a payload elsewhere. Temporal shows all of it anyway.
 */
export function placeOf(context: SerializationContext): string {
  const { type, namespace, workflowId } = context;
  const activity = type === 'activity' ? (context.activityId ?? '') : null;
  return JSON.stringify([namespace, withoutTime(workflowId ?? ''), activity]);
}

/** A workflow that a schedule starts has the schedule's id and the time; its input was written before. */
function withoutTime(workflowId: string): string {
  return workflowId.replace(/-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, '');
}
