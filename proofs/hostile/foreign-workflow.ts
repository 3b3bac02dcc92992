import { proxyActivities } from '@temporalio/workflow';

/** Of somebody who has a worker of their own in the namespace, and gives no thought to retries. */
export async function schedule(
  activity: string,
  taskQueue: string,
  given: readonly unknown[],
): Promise<unknown> {
  const activities = proxyActivities<Record<string, (...given: unknown[]) => Promise<unknown>>>({
    taskQueue,
    startToCloseTimeout: '5 minutes',
  });
  return await activities[activity]?.(...given);
}
