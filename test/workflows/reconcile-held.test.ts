import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { temporalPlace } from '../../client/temporal/connection.ts';
import { connectNative } from '../../workers/worker.ts';
import {
  bulkWorkEnded,
  migrationWorkflowId,
  reconciliationWorkflowId,
  setPaused,
} from '../../workflows/messages.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { holdAt } from '../support/hold.ts';
import { finish, type reconcile } from '../support/late-workflows.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterEach(() => at.restore());
afterAll(() => at?.[Symbol.asyncDispose]());

const running = () => at.temporal.workflow.getHandle(reconciliationWorkflowId(at.migration.name));

/** More than those after which Temporal suggests that a run is followed by another. */
const manySignals = 4_200;

test('a reconciliation that is held stays held in the run that follows', async () => {
  const held = holdAt(at, { store: 'legacy', method: 'unresolvedDifferences', when: 'before' });
  const result = at.lockstep.reconciliation.run();
  await held.reached();
  const first = await running().describe();
  for (let sent = 0; sent < manySignals; sent += 100)
    await Promise.all(Array.from({ length: 100 }, () => running().signal(setPaused, false)));
  await running().signal(setPaused, true);
  await held.release();
  const next = await until('another run follows', async () => {
    const { runId } = await running().describe();
    return runId !== first.runId && runId;
  });
  const events = async () =>
    (await at.temporal.workflow.getHandle(running().workflowId, next).fetchHistory()).events ?? [];
  const typesOf = (all: Awaited<ReturnType<typeof events>>) => all.map(({ eventType }) => eventType);
  // The migration was asked whether to wait, and a task has come after its answer.
  const seen = await until('it has begun', async () => {
    const all = await events();
    const told = all.findIndex((event) => event.externalWorkflowExecutionSignaledEventAttributes);
    return told >= 0 && all.slice(told).some((event) => event.workflowTaskCompletedEventAttributes) && all;
  });
  expect(
    seen.filter((event) => event.activityTaskScheduledEventAttributes),
    `${typesOf(seen)}`,
  ).toEqual([]);
  await running().signal(setPaused, false);
  expect(await result).toMatchObject({ found: 0, skipped: null });
});

const root = join(import.meta.dirname, '../..');

/** A worker that has workflows alone, and a reconciliation that ends as it is told to. */
async function lateWorker(taskQueue: string) {
  const connection = await connectNative(at.environment);
  const worker = await Worker.create({
    connection,
    namespace: temporalPlace(at.environment).namespace,
    taskQueue,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: join(root, 'test/support/late-workflows.ts'),
      workflowInterceptorModules: [join(root, 'workflows/check-inputs.ts')],
      payloadConverterPath: join(root, 'workflows/payload-converter.ts'),
      logger: new DefaultLogger('ERROR'),
    }),
    // What it has begun is its own.
    stickyQueueScheduleToStartTimeout: '10 minutes',
  });
  const running = worker.run();
  return {
    async [Symbol.asyncDispose]() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}

/** With what another run has counted, where a time is given. */
function inputOf(began: string | null) {
  const entities = at.migration.entities.map(({ name }) => name);
  const totals = { compared: 7, differences: 0, ahead: 0, ambiguous: 0, inFlight: 0, repaired: 0 };
  const carried =
    began === null ? null : { entities: [], at: { compare: null }, totals, began, paused: false };
  return { migration: at.migration.name, entities, repair: false, from: null, carried };
}

const migration = () => at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));

/** How often the migration was told so of the result of work in bulk. */
async function answers(status: string): Promise<number> {
  const { events } = await migration().fetchHistory();
  const found = (events ?? []).filter(({ activityTaskCompletedEventAttributes: done }) =>
    done?.result?.payloads?.some(
      ({ data }) => data && Buffer.from(data).toString() === `{"status":"${status}"}`,
    ),
  );
  return found.length;
}

async function forged() {
  const { evidence, ...rest } = await at.lockstep.reconciliation.run();
  if (!evidence) throw new TypeError('it has looked');
  const now = new Date().toISOString();
  return { result: { ...rest, evidence: { ...evidence, began: now, at: now } }, now };
}

test('what a worker of somebody else says of a reconciliation is no evidence, nor what it leaves to a run of ours', async () => {
  const { result, now } = await forged();
  const taskQueue = `late-${at.migration.name}`;
  await using _ = await lateWorker(taskQueue);
  const options = {
    workflowId: reconciliationWorkflowId(at.migration.name),
    taskQueue,
    args: [inputOf(null)] as [unknown],
  };
  const before = await answers('none');
  const first = await at.temporal.workflow.start<typeof reconcile>('reconcile', options);
  await first.signal(finish, { result });
  await first.result();
  await migration().signal(bulkWorkEnded, 'reconciliation');
  await until('the migration has looked', async () => (await answers('none')) > before);

  const second = await at.temporal.workflow.start<typeof reconcile>('reconcile', options);
  const input = inputOf(now);
  await second.signal(finish, { taskQueue: at.migration.taskQueue, input });
  expect(await second.result()).toMatchObject({ evidence: { began: now } });
  await until('the migration has looked again', async () => (await answers('none')) > before + 1);
  expect((await at.lockstep.control.status()).evidence?.began).not.toBe(now);
});

test('what a schedule in the start has Temporal start again carries nothing', async () => {
  const began = new Date().toISOString();
  const handle = await at.temporal.workflow.start('reconcile', {
    workflowId: `again/${at.migration.name}`,
    taskQueue: at.migration.taskQueue,
    cronSchedule: '@every 1s',
    args: [inputOf(began)],
  });
  const second = await until('another run begins', async () => {
    const { runId } = await handle.describe();
    return runId !== handle.firstExecutionRunId && runId;
  });
  const failures = await until('it has ended', async () => {
    const { events } = await at.temporal.workflow.getHandle(handle.workflowId, second).fetchHistory();
    const ends = events?.filter(
      (event) =>
        event.workflowExecutionFailedEventAttributes ?? event.workflowExecutionCompletedEventAttributes,
    );
    return ends?.length ? ends.map((event) => event.workflowExecutionFailedEventAttributes?.failure) : null;
  });
  expect(failures).toMatchObject([{ applicationFailureInfo: { type: 'InvalidRequest' } }]);
  await at.temporal.workflow.getHandle(handle.workflowId).terminate('seen');
});

test('evidence of a reconciliation whose worker was lost after its word is taken when it ends', async () => {
  const { result, now } = await forged();
  const { taskQueue } = at.migration;
  // The other one is away while this one begins it.
  await at.worker.shutdown();
  await using _ = await lateWorker(taskQueue);
  const late = await at.temporal.workflow.start<typeof reconcile>('reconcile', {
    workflowId: reconciliationWorkflowId(at.migration.name),
    taskQueue,
    args: [inputOf(null)],
  });
  await until('it has begun', async () =>
    (await late.fetchHistory()).events?.some((event) => event.workflowTaskCompletedEventAttributes),
  );
  await at.work({ faults: at.faults, gates: at.gates });
  const before = await answers('running');
  await migration().signal(bulkWorkEnded, 'reconciliation');
  await until('the migration has found that it runs still', async () => (await answers('running')) > before);
  await late.signal(finish, { result });
  await until(
    'the migration has its evidence',
    async () => (await at.lockstep.control.status()).evidence?.began === now,
  );
});
