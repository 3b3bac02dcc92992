import type { Client } from '@temporalio/client';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { migrationStatus, migrationWorkflowId } from '../../workflows/messages.ts';
import { isUnanswered, reasonOf } from '../temporal/failures.ts';
import { waitingFor } from '../waits.ts';

/** A worker asks for work at least once a minute, so where nobody has for so long, all are gone. */
const goneMs = 75_000;
const lookEveryMs = 5_000;

/** Temporal's number for the queue of workflow tasks (temporal.api.enums.v1.TaskQueueType). */
const workflowTasks = 1;

export interface Attendance {
  readonly temporal: Client;
  readonly migration: Pick<Migration, 'name' | 'taskQueue'>;
  /** So long a worker may take to show that it is there, in milliseconds; null waits for one however long that takes. */
  readonly answerWithinMs: number | null;
}

/**
 * Waits for what a worker has to do, as long as there is one.
 *
 * @param what is waited for, in the words of an operator
 * @throws LockstepError `NoWorker` where no worker is there: before `work`, which is not begun then, or while it is under way
 */
export async function attended<T>(attendance: Attendance, what: string, work: () => Promise<T>): Promise<T> {
  const { temporal, migration, answerWithinMs } = attendance;
  if (answerWithinMs === null) return await waitingFor(what, work);
  const first = await latestPoll(temporal, migration.taskQueue);
  const where = `no worker asks for work on the task queue ${migration.taskQueue}`;
  const isAnswered = await assertAnswered({ ...attendance, answerWithinMs });
  if (first === null && !isAnswered) throw noWorker(`${where}; nothing was begun`);
  let look: NodeJS.Timeout | undefined;
  const unattended = new Promise<never>((_, reject) => {
    let known: number | null = first;
    let heardAt = performance.now();
    look = setInterval(() => {
      latestPoll(temporal, migration.taskQueue)
        .then((latest) => {
          // By our own clock: the server's may be another. One that was started anew has heard of nobody yet.
          if (latest !== null && latest !== known) heardAt = performance.now();
          known = latest;
          if (performance.now() - heardAt > goneMs)
            throw noWorker(`${where} any more; ${what} goes on when one does`);
        })
        .catch(reject);
    }, lookEveryMs);
  });
  try {
    return await waitingFor(what, () => Promise.race([work(), unattended]));
  } finally {
    clearInterval(look);
  }
}

/** Temporal remembers who asked for work for some minutes, gone or not. In seconds of its clock; null where it knows of nobody. */
export async function latestPoll(
  { workflowService, options }: Client,
  taskQueue: string,
): Promise<number | null> {
  const { pollers } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: workflowTasks,
  });
  const times = (pollers ?? []).map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0));
  return times.length === 0 ? null : Math.max(...times);
}

/** False where no migration runs, for which somebody could answer. Throws `NoWorker` where nobody does in time. */
export async function assertAnswered({
  temporal,
  migration,
  answerWithinMs,
}: Attendance & { readonly answerWithinMs: number }): Promise<boolean> {
  const handle = temporal.workflow.getHandle(migrationWorkflowId(migration.name));
  try {
    await waitingFor(`a worker to answer for migration ${migration.name}`, () =>
      temporal.connection.withDeadline(Date.now() + answerWithinMs, () => handle.query(migrationStatus)),
    );
    return true;
  } catch (error) {
    if (isUnanswered(error))
      throw noWorker(`no worker answers for migration ${migration.name}: ${reasonOf(error)}`, error);
    return false;
  }
}

export function noWorker(why: string, cause?: unknown): LockstepError {
  return new LockstepError(
    'NoWorker',
    `${why}. Start one with lockstep worker, or see whether those that run reach Temporal (their logs, and /ready of --health)`,
    { remedy: 'lockstep worker' },
    cause === undefined ? undefined : { cause },
  );
}
