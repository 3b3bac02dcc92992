import {
  ActivityCancellationType,
  type ActivityOptions,
  type LocalActivityOptions,
  proxyActivities,
  proxyLocalActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { failureIn } from '../model/carried-failure.ts';
import type { AnyFailureCode } from '../model/failure-codes.ts';
import type { WriteInput } from '../model/operation.ts';
import { owedTaskQueue } from '../model/task-queues.ts';

/**
 * How activities are called, by profile. A statement that runs on after its time does no harm: every write is guarded by its
 * operation id and version.
 */

/** Pauses between attempts that may go on for as long as a store is down. */
const unboundedRetry = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' } as const;
const threeAttempts = { initialInterval: '100ms', backoffCoefficient: 3, maximumAttempts: 3 } as const;
/** Of one attempt: so long a lost answer delays the next one. */
const shortAttempt = { startToCloseTimeout: '20s' } as const;
/** A lost worker is noticed within the heartbeat's time. */
const longAttempt = { heartbeatTimeout: '10s', startToCloseTimeout: '6 hours' } as const;
/**
 * A store that is unavailable is left to the workflow, which says what it waits for. Other attempts mostly fail because their
 * worker is lost, which is no reason to wait longer each time it happens.
 */
const failFastRetry = {
  ...unboundedRetry,
  maximumInterval: '2s' as const,
  nonRetryableErrorTypes: ['StoreUnavailable' satisfies AnyFailureCode],
};

const here = (options: LocalActivityOptions) => proxyLocalActivities<Activities>(options);
const remote = (options: ActivityOptions) => proxyActivities<Activities>(options);

/** Three attempts without a hop over the task queue. */
export const local = here({ startToCloseTimeout: '15s', retry: threeAttempts });

/** One attempt for a group, which ends by itself where a key is held or a store does not answer. */
export const localGroup = here({ startToCloseTimeout: '5s', retry: { maximumAttempts: 1 } });

/**
 * One attempt in the caller's workflow task. It is short, because the answer to the caller leaves with that task: a secondary
 * that hangs must not hold it.
 */
export const localOnce = here({ startToCloseTimeout: '500ms', retry: { maximumAttempts: 1 } });

/** Attempts without an end. Their failures show as pending activities in Temporal UI. */
export const unbounded = remote({ ...shortAttempt, retry: unboundedRetry });

/** Attempts for a bounded time, for steps that have an alternative. */
export const bounded = (milliseconds: number) =>
  remote({
    ...shortAttempt,
    scheduleToCloseTimeout: milliseconds,
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '5s' },
  });

/**
 * Steps of a change of phase, while writes wait, and what is measured for its gate: a lost worker is noticed within two
 * seconds, and the pause between attempts does not grow.
 */
const switchingOptions = {
  ...shortAttempt,
  heartbeatTimeout: '2s',
  retry: { initialInterval: '250ms', backoffCoefficient: 1 },
} as const;
export const switching = remote(switchingOptions);
/** As `switching`; a store that has another route than was expected ends it. */
export const opening = remote({
  ...switchingOptions,
  retry: { ...switchingOptions.retry, nonRetryableErrorTypes: ['Fenced' satisfies AnyFailureCode] },
});
/** As `switching`, for what is owed. */
export const owedSwitching = () =>
  remote({ ...switchingOptions, taskQueue: owedTaskQueue(workflowInfo().taskQueue) });
export const switchingBounded = (milliseconds: number) =>
  remote({ ...switchingOptions, scheduleToCloseTimeout: milliseconds });

/** A compensation: its event in the history says what is undone and why. */
export const compensation = (summary: string) => remote({ ...shortAttempt, retry: unboundedRetry, summary });

/** Attempts of the secondary, as the migration's policy says, until it answers; apart from what callers wait for. */
export const secondaryRetry = ({ secondaryRetryMs, secondaryRetryMaxMs }: WriteInput['policy']) =>
  remote({
    ...shortAttempt,
    taskQueue: owedTaskQueue(workflowInfo().taskQueue),
    retry: {
      initialInterval: secondaryRetryMs,
      backoffCoefficient: 2,
      maximumInterval: Math.max(secondaryRetryMs, secondaryRetryMaxMs),
    },
  });

/** Activities that report by heartbeat. */
export const longRunning = remote({ ...longAttempt, retry: unboundedRetry });

/** As `longRunning`, for a bounded time. */
export const longRunningBounded = (milliseconds: number) =>
  remote({ ...longAttempt, scheduleToCloseTimeout: milliseconds, retry: unboundedRetry });

/** As `longRunningBounded`, for what is owed. */
export const owedBounded = (milliseconds: number) =>
  remote({
    ...longAttempt,
    taskQueue: owedTaskQueue(workflowInfo().taskQueue),
    scheduleToCloseTimeout: milliseconds,
    retry: unboundedRetry,
  });

/** As `longRunning`; an unavailable store fails them at once. */
export const longRunningFailFast = remote({ ...longAttempt, retry: failFastRetry });

/** As `longRunningFailFast`; cancelled, they end with what they have done. */
export const longRunningCancellable = remote({
  ...longAttempt,
  retry: failFastRetry,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/**
 * For steps that are refused or skipped where a store is unavailable. Never local: the worker that has the workflow may be the only
 * one that is cut off, and an attempt on the task queue finds another.
 */
const elsewhereRetry = { initialInterval: '200ms', backoffCoefficient: 1, maximumAttempts: 15 } as const;
export const elsewhere = remote({
  heartbeatTimeout: '2s',
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '20s',
  retry: elsewhereRetry,
});
/** As `elsewhere`, for what may take long. */
export const longRunningElsewhere = remote({ ...longAttempt, retry: elsewhereRetry });

/** First `local`, then `unbounded`. A failure that no retry can change is thrown at once. */
export async function localThenRemote<T>(call: (activities: typeof local) => Promise<T>): Promise<T> {
  try {
    return await call(local);
  } catch (error) {
    const known = failureIn(error);
    if (known && !known.retryable) throw error;
    return await call(unbounded);
  }
}
