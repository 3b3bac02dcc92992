import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operate } from '../../client/operator/operate.ts';
import { connect } from '../../client/service/connect.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { foreignWorker } from '../../proofs/hostile/foreign.ts';
import { type RunningWorker, runWorker } from '../../workers/worker.ts';
import { migrationWorkflowId, reconciliationWorkflowId, writeWorkflowId } from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { advanceTo, type Fixture, fixture } from '../support/harness.ts';
import { until } from '../support/until.ts';

const newKey = () => randomBytes(32).toString('base64');
const [old, next] = [newKey(), newKey()];
const marker = 'a-marker-of-row-content';

let at: Fixture;
let environment: NodeJS.ProcessEnv;
let temporal: Client;
let worker: RunningWorker;
let lockstep: Connected;

beforeAll(async () => {
  at = await fixture({ entities: [account] });
  environment = { ...at.environment, LOCKSTEP_ENCRYPTION_KEY: `${old},${next}` };
  temporal = await connectTemporal(environment);
  worker = await runWorker({ migration: at.migration, environment, log: () => undefined });
  lockstep = await at.connect({ environment, temporal });
  await lockstep.control.start();
  await advanceTo(lockstep, 'switch-reads');
});
afterAll(async () => {
  await worker?.shutdown();
  await temporal?.connection.close();
  await at?.[Symbol.asyncDispose]();
});

/** All texts of a history as Temporal keeps it, bytes too. */
async function historyOf(workflowId: string): Promise<string> {
  const { history } = await at.temporal.workflowService.getWorkflowExecutionHistory({
    namespace: at.temporal.options.namespace,
    execution: { workflowId },
  });
  const texts: string[] = [];
  const look = (value: unknown) => {
    if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('latin1'));
    else if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(look);
  };
  look(history?.events);
  return texts.join('\n');
}

const create = (id: number, operationId: string) =>
  lockstep
    .repository(account)
    .create({ id, owner: marker, email: null, balance: '1.00' }, { operationId, ack: 'both' });

test('a history holds nothing of a row, and both stores hold it', async () => {
  await create(1, 'sealed-1');
  const kept = await historyOf(writeWorkflowId(at.migration.name, 'sealed-1'));
  expect(kept).toContain('binary/lockstep-aes-256-gcm');
  expect(kept).not.toContain(marker);
  expect(await at.sql.modern(`SELECT owner FROM accounts WHERE id = 1`)).toEqual([{ owner: marker }]);
});

test('a start in plain is refused once, and a message in plain changes nothing', async () => {
  const plain = at.temporal.workflow;
  const started = await plain.start('write', {
    workflowId: `plain/${at.migration.name}`,
    taskQueue: at.migration.taskQueue,
    args: [{ operation: marker }],
  });
  const read = temporal.workflow.getHandle(started.workflowId);
  const failure = failureIn(await read.result().catch((error: unknown) => error));
  expect(failure).toMatchObject({ code: 'InvalidRequest' });
  expect(failure?.message).toMatch(/not encrypted for this workflow/);

  const migration = plain.getHandle(migrationWorkflowId(at.migration.name));
  await expect(migration.executeUpdate('pause', { args: [{ by: marker }] })).rejects.toThrow();
  await migration.signal('pause', { reason: marker });
  expect(await lockstep.control.status()).toMatchObject({ phase: 'switch-reads', paused: false });
});

test('an activity that somebody without the key asks for is refused once', async () => {
  const { name, taskQueue } = at.migration;
  await using _ = await foreignWorker(at.temporal, at.environment, at.migration);
  const handle = await at.temporal.workflow.start('schedule', {
    workflowId: `plain/${name}/activity`,
    taskQueue: `foreign-${name}`,
    args: ['drain', taskQueue, [{ primary: 'legacy', epoch: 1 }]],
  });
  // Its own workflow cannot read the answer.
  const refused = await until('the activity is refused', async () => {
    const { events } = await handle.fetchHistory();
    return events?.find((event) => event.activityTaskFailedEventAttributes) && events;
  });
  const attempts = refused.flatMap((event) => event.activityTaskStartedEventAttributes?.attempt ?? []);
  const failures = refused.flatMap((event) => event.activityTaskFailedEventAttributes?.failure ?? []);
  expect(attempts).toEqual([1]);
  expect(failures).toMatchObject([
    { applicationFailureInfo: { type: 'InvalidRequest', nonRetryable: true } },
  ]);
  await handle.terminate('seen');
});

test('an input that was moved from another workflow is refused once', async () => {
  await create(2, 'sealed-2');
  const { workflowService } = at.temporal;
  const { namespace } = at.temporal.options;
  const { history } = await workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId: writeWorkflowId(at.migration.name, 'sealed-2') },
  });
  const input = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input;
  const workflowId = writeWorkflowId(at.migration.name, 'moved');
  await workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    requestId: 'moved',
    workflowType: { name: 'write' },
    taskQueue: { name: at.migration.taskQueue },
    ...(input ? { input } : {}),
  });
  const read = temporal.workflow.getHandle(workflowId);
  const failure = failureIn(await read.result().catch((error: unknown) => error));
  expect(failure).toMatchObject({ code: 'InvalidRequest' });
});

test('failures are encrypted too, and tell their own all', async () => {
  await create(3, 'sealed-3');
  const again = create(3, 'sealed-3-again').catch((error: unknown) => error);
  expect(await again).toMatchObject({ code: 'AlreadyExists' });
  const started = await temporal.workflow.start('write', {
    workflowId: `junk/${at.migration.name}`,
    taskQueue: at.migration.taskQueue,
    args: [{ operation: marker }],
  });
  const failure = failureIn(await started.result().catch((error: unknown) => error));
  expect(failure?.message).toMatch(/the input of write/);
  const kept = await historyOf(started.workflowId);
  expect(kept).toContain('Encoded failure');
  expect(kept).not.toContain('the input of write');
});

test('keys rotate while writes go on', async () => {
  const rotated = { ...environment, LOCKSTEP_ENCRYPTION_KEY: `${next},${old}` };
  await using service = await connect(at.migration, { environment: rotated });
  await service
    .repository(account)
    .create({ id: 4, owner: marker, email: null, balance: '1.00' }, { operationId: 'rotated' });
  // What the old key has encrypted answers one that has the new key first.
  await using operator = await operate(at.migration, { environment: rotated });
  expect(await operator.control.status()).toMatchObject({ phase: 'switch-reads' });
});

test('another key is told by its name, and so is none', async () => {
  for (const [key, reason] of [
    [newKey(), /was encrypted with key [0-9a-f]{8}, which LOCKSTEP_ENCRYPTION_KEY does not hold/],
    [undefined, /does not hold/],
    ['', /an empty key/],
    ['c2hvcnQ=', /5 bytes/],
  ] as const) {
    const other = { ...at.environment, ...(key === undefined ? {} : { LOCKSTEP_ENCRYPTION_KEY: key }) };
    const refused = { code: 'InvalidDefinition', message: expect.stringMatching(reason) };
    await expect(operate(at.migration, { environment: other })).rejects.toMatchObject(refused);
    await expect(connect(at.migration, { environment: other })).rejects.toMatchObject(refused);
    const log = () => undefined;
    await expect(runWorker({ migration: at.migration, environment: other, log })).rejects.toMatchObject(
      refused,
    );
  }
});

test('what a schedule starts is read under its own id', async () => {
  await lockstep.reconciliation.schedule(3_600_000);
  const schedule = temporal.schedule.getHandle(reconciliationWorkflowId(at.migration.name));
  await schedule.trigger();
  const run = await until('the schedule has started something', async () => {
    const { info } = await schedule.describe();
    return info.recentActions.at(-1)?.action.workflow.workflowId;
  });
  expect(run).not.toBe(reconciliationWorkflowId(at.migration.name));
  await expect(temporal.workflow.getHandle(run).result()).resolves.toBeDefined();
  await lockstep.reconciliation.unschedule();
});
