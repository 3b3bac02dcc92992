import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { WriteInput } from '../model/operation.ts';

/** Tries that may go on for as long as a store is down. Their failures show as pending activities in Temporal UI. */
const durable = {
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
} as const;

export const patient = proxyActivities<Activities>(durable);

/** A few quick tries without a hop over the task queue. */
export const quick = proxyLocalActivities<Activities>({
  startToCloseTimeout: '15s',
  retry: { initialInterval: '100ms', backoffCoefficient: 3, maximumAttempts: 3 },
});

/** Tries for a bounded time, for steps that have a way back. */
export function within(milliseconds: number) {
  return proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    scheduleToCloseTimeout: milliseconds,
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '5s' },
  });
}

/** Tries of the secondary, as often as the migration's policy says, until it answers. */
export function owing(policy: WriteInput['policy']) {
  return proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    retry: {
      initialInterval: policy.secondaryRetryMs,
      backoffCoefficient: 2,
      maximumInterval: Math.max(policy.secondaryRetryMs, policy.secondaryRetryMaxMs),
    },
  });
}

/** Long activities that report by heartbeat; a lost worker is noticed within half a minute. */
export const bulk = proxyActivities<Activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});
