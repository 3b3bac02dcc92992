import { RawValue } from '@temporalio/common';
import { proxyActivities } from '@temporalio/workflow';

/** A payload as it goes over the wire; a character is a byte. */
export interface LetteredPayload {
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: string | null;
}

/** Of somebody who has a worker of their own in the namespace, and gives no thought to retries. */
export async function schedule(
  activity: string,
  taskQueue: string,
  given: readonly unknown[],
): Promise<unknown> {
  return await activityOf(activity, taskQueue)(...given);
}

/** The same, with bytes that no converter has made. */
export async function scheduleRaw(
  activity: string,
  taskQueue: string,
  { metadata, data }: LetteredPayload,
): Promise<unknown> {
  const payload = RawValue.fromPayload({
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, bytesOf(text)])),
    data: data === null ? null : bytesOf(data),
  });
  return await activityOf(activity, taskQueue)(payload);
}

function activityOf(activity: string, taskQueue: string) {
  const activities = proxyActivities<Record<string, (...given: unknown[]) => Promise<unknown>>>({
    taskQueue,
    startToCloseTimeout: '5 minutes',
  });
  const found = activities[activity];
  if (!found) throw new TypeError('a proxy has every name');
  return found;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
