import { join } from 'node:path';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
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

test('evidence of a reconciliation whose worker was lost after its word is taken when it ends', async () => {
  const { evidence, ...rest } = await at.lockstep.reconciliation.run();
  if (!evidence) throw new TypeError('it has looked');
  const taskQueue = `late-${at.migration.name}`;
  const connection = await connectNative(at.environment);
  const worker = await Worker.create({
    connection,
    namespace: temporalPlace(at.environment).namespace,
    taskQueue,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: join(import.meta.dirname, '../support/late-workflows.ts'),
    }),
  });
  await worker.runUntil(async () => {
    const late = await at.temporal.workflow.start<typeof reconcile>('reconcile', {
      workflowId: reconciliationWorkflowId(at.migration.name),
      taskQueue,
      args: [],
    });
    const migration = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
    await migration.signal(bulkWorkEnded, 'reconciliation');
    await until('the migration has found that it runs still', async () =>
      (await migration.fetchHistory()).events?.some(({ activityTaskCompletedEventAttributes: done }) =>
        done?.result?.payloads?.some(
          ({ data }) => data && Buffer.from(data).toString() === '{"status":"running"}',
        ),
      ),
    );
    const now = new Date().toISOString();
    await late.signal(finish, { ...rest, evidence: { ...evidence, began: now, at: now } });
    await until('the migration has its evidence', async () => {
      const status = await at.lockstep.control.status();
      return status.evidence?.at === now;
    });
  });
  await connection.close();
});
