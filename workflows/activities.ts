import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { failureIn } from '../model/carried-failure.ts';
import type { AnyFailureCode } from '../model/failure-codes.ts';
import type { WriteInput } from '../model/operation.ts';

/**
 * A lost answer costs this long before the next try. A statement that runs on after it does no harm: every write is
 * guarded by its operation id and version.
 */
const shortly = '20s';
const pauses = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' } as const;

/** Tries that may go on for as long as a store is down. Their failures show as pending activities in Temporal UI. */
export const patient = proxyActivities<Activities>({ startToCloseTimeout: shortly, retry: pauses });

/** A few quick tries without a hop over the task queue. */
export const quick = proxyLocalActivities<Activities>({
  startToCloseTimeout: '15s',
  retry: { initialInterval: '100ms', backoffCoefficient: 3, maximumAttempts: 3 },
});

/**
 * One try that shares the caller's workflow task. It is short, because the answer to the caller leaves with that task: a
 * secondary that hangs must not keep it.
 */
export const promptly = proxyLocalActivities<Activities>({
  startToCloseTimeout: '500ms',
  retry: { maximumAttempts: 1 },
});

/** For steps that go on, or are refused, where a store is away. */
export const briefly = proxyLocalActivities<Activities>({
  startToCloseTimeout: '4s',
  retry: { initialInterval: '100ms', backoffCoefficient: 3, maximumAttempts: 3 },
});

/** First the quick tries, then the patient ones; what no retry can change is thrown at once. */
export async function soon<T>(call: (activities: typeof quick) => Promise<T>): Promise<T> {
  try {
    return await call(quick);
  } catch (error) {
    if (isFinal(error)) throw error;
    return await call(patient);
  }
}

/** Tries for a bounded time, for steps that have a way back. */
export function within(milliseconds: number) {
  return proxyActivities<Activities>({
    startToCloseTimeout: shortly,
    scheduleToCloseTimeout: milliseconds,
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '5s' },
  });
}

/** A compensation: its event in the history says what is undone and why. */
export function undoing(summary: string) {
  return proxyActivities<Activities>({ startToCloseTimeout: shortly, retry: pauses, summary });
}

/** Tries of the secondary, as often as the migration's policy says, until it answers. */
export function owing(policy: WriteInput['policy']) {
  return proxyActivities<Activities>({
    startToCloseTimeout: shortly,
    retry: {
      initialInterval: policy.secondaryRetryMs,
      backoffCoefficient: 2,
      maximumInterval: Math.max(policy.secondaryRetryMs, policy.secondaryRetryMaxMs),
    },
  });
}

const heartbeats = { heartbeatTimeout: '10s', startToCloseTimeout: '6 hours' } as const;

/** Long activities that report by heartbeat; a lost worker is noticed within ten seconds. */
export const bulk = proxyActivities<Activities>({ ...heartbeats, retry: pauses });

/**
 * A store that takes nothing for now is left to the workflow, which says what it waits for. What is left to try again has
 * mostly lost its worker, which is no reason to wait the longer, the more often it happens.
 */
const shown = {
  ...pauses,
  maximumInterval: '2s' as const,
  nonRetryableErrorTypes: ['StoreUnavailable' satisfies AnyFailureCode],
};
export const bulkShown = proxyActivities<Activities>({ ...heartbeats, retry: shown });

/** As `bulkShown`; cancelled, they end with what they have come to. */
export const bulkUntilTold = proxyActivities<Activities>({
  ...heartbeats,
  retry: shown,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Long activities that must be over in a bounded time. */
export function bulkWithin(milliseconds: number) {
  return proxyActivities<Activities>({ ...heartbeats, scheduleToCloseTimeout: milliseconds, retry: pauses });
}

function isFinal(error: unknown): boolean {
  const known = failureIn(error);
  return known !== null && !known.retryable;
}
