import type { Client, WorkflowHandle } from '@temporalio/client';

type Event = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

/** `TIMEOUT_TYPE_HEARTBEAT` of Temporal's API. */
const heartbeat = 4;

/**
 * Attempts of activities of a migration's workflows that Temporal gave up because no heartbeat came in time: the next attempt says why
 * it was needed.
 */
export async function missedHeartbeats(temporal: Client, migration: string): Promise<string[]> {
  const missed: string[] = [];
  const query = `LockstepMigration = '${migration}'`;
  for await (const { workflowId, runId } of temporal.workflow.list({ query })) {
    const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      if (isAfterSilence(event)) missed.push(`${activityOf(event, events ?? [])} missed its heartbeat`);
    }
  }
  return missed;
}

function isAfterSilence({ activityTaskStartedEventAttributes: started }: Event): boolean {
  return started?.lastFailure?.timeoutFailureInfo?.timeoutType === heartbeat;
}

function activityOf(
  { activityTaskStartedEventAttributes: started }: Event,
  events: readonly Event[],
): string {
  const scheduled = events.find(({ eventId }) => String(eventId) === String(started?.scheduledEventId));
  return scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? 'an activity';
}
