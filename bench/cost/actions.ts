import type { WorkflowHandle } from '@temporalio/client';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type Event = NonNullable<History['events']>[number];

/**
 * The actions that Temporal Cloud bills for a workflow, as far as its history tells
 * (https://docs.temporal.io/cloud/actions): its start, each accepted update, activity, retry, timer, signal, child and change of search attributes is
 * one, and so are all local activities of one workflow task together. Heartbeats of activities are in no history.
 */
export function actionsOf(events: readonly Event[]): number {
  const tasksWithMarkers = new Set<string>();
  let actions = 0;
  for (const event of events) {
    const task = event.markerRecordedEventAttributes?.workflowTaskCompletedEventId;
    if (task !== undefined && task !== null) tasksWithMarkers.add(String(task));
    else actions += actionsOfEvent(event);
  }
  return actions + tasksWithMarkers.size;
}

function actionsOfEvent(event: Event): number {
  const attempts = event.activityTaskStartedEventAttributes?.attempt;
  if (attempts) return attempts - 1;
  const retries =
    event.workflowTaskCompletedEventAttributes?.meteringMetadata?.nonfirstLocalActivityExecutionAttempts;
  if (retries) return retries;
  const billed = [
    event.workflowExecutionStartedEventAttributes,
    event.workflowExecutionUpdateAcceptedEventAttributes,
    event.workflowExecutionSignaledEventAttributes,
    event.workflowExecutionOptionsUpdatedEventAttributes,
    event.upsertWorkflowSearchAttributesEventAttributes,
    event.activityTaskScheduledEventAttributes,
    event.timerStartedEventAttributes,
    event.startChildWorkflowExecutionInitiatedEventAttributes,
    event.nexusOperationScheduledEventAttributes,
  ];
  return billed.some((attributes) => attributes !== undefined && attributes !== null) ? 1 : 0;
}
