import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import { temporalPlace } from '../../client/temporal/connection.ts';
import type { Migration } from '../../model/migration.ts';
import { connectNative } from '../../workers/worker.ts';
import type { LetteredPayload } from './foreign-workflow.ts';
import type { RawPayload } from './raw-payloads.ts';

/** What an activity was given came to. */
export interface Attempted {
  readonly result: unknown;
  /** Null where it did what it was asked for. */
  readonly error: unknown;
  readonly attempts: number;
  /** Whether it has come to an end in the time that it had. */
  readonly hasEnded: boolean;
}

export interface Foreign extends AsyncDisposable {
  /** Has a worker of the migration carry out an activity. */
  attempt(activity: string, given: readonly unknown[], limitMs: number): Promise<Attempted>;
  /** The same, with bytes that no converter has made. */
  attemptRaw(activity: string, given: RawPayload, limitMs: number): Promise<Attempted>;
}

const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** A worker of somebody else in the namespace, whose workflow schedules activities of a migration. */
export async function foreignWorker(
  temporal: Client,
  environment: NodeJS.ProcessEnv,
  migration: Migration,
): Promise<Foreign> {
  const taskQueue = `foreign-${migration.name}`;
  const connection = await connectNative(environment);
  const worker = await Worker.create({
    connection,
    namespace: temporalPlace(environment).namespace,
    taskQueue,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: join(import.meta.dirname, 'foreign-workflow.ts'),
      logger: quiet,
    }),
  });
  const running = worker.run();
  let started = 0;
  const attemptBy = async (
    workflow: string,
    args: readonly unknown[],
    limitMs: number,
  ): Promise<Attempted> => {
    const workflowId = `foreign/${migration.name}/${started++}`;
    const options = { workflowId, taskQueue, args: [...args] };
    const handle = await temporal.workflow.start(workflow, options);
    const ended = handle.result().then(
      (result: unknown) => ({ result, error: null }),
      (error: unknown) => ({ result: null, error }),
    );
    const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), limitMs).unref());
    const found = await Promise.race([ended, late]);
    if (found === null) {
      const { raw } = await handle.describe();
      await handle.terminate('it should have been refused');
      const tried = (raw.pendingActivities ?? []).map(({ attempt }) => attempt ?? 0);
      return { result: null, error: null, hasEnded: false, attempts: Math.max(0, ...tried) };
    }
    const { events } = await handle.fetchHistory();
    const attempts = (events ?? []).map((event) => event.activityTaskStartedEventAttributes?.attempt ?? 0);
    return { ...found, hasEnded: true, attempts: Math.max(0, ...attempts) };
  };
  return {
    attempt: (activity, given, limitMs) =>
      attemptBy('schedule', [activity, migration.taskQueue, given], limitMs),
    attemptRaw: (activity, given, limitMs) =>
      attemptBy('scheduleRaw', [activity, migration.taskQueue, lettered(given)], limitMs),
    async [Symbol.asyncDispose]() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}

function lettered({ metadata = {}, data }: RawPayload): LetteredPayload {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  return {
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, bytes]) => [name, text(bytes)])),
    data: data === undefined ? null : text(data),
  };
}
