import {
  WithStartWorkflowOperation,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configuredDefinition } from '../../client/operator/running-definition.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { messageTable } from '../../model/inputs/messages.ts';
import { inputSchemas } from '../../workflows/inputs.ts';
import {
  bulkWorkEnded,
  migrationWorkflowId,
  setPaused,
  validationWorkflowId,
  writeWorkflowId,
} from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

const secret = 'what-was-sent-must-not-come-back';
const junk: readonly unknown[] = [
  null,
  {},
  [],
  secret,
  7,
  { migration: secret, operation: { id: secret }, entities: secret, state: { phase: secret } },
  { ...Object.fromEntries(['migration', 'operationId', 'rounds'].map((name) => [name, null])), secret },
];
/** For messages whose parts may be absent, and that take null or a number. */
const badMessages: readonly unknown[] = [
  secret,
  [secret],
  -7,
  { by: 7, reason: {}, step: secret, policy: 7, sample: secret, changeNumber: secret, force: secret },
  'x'.repeat(100_000),
];
const none = { rounds: 1, everyMs: 0 };

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());

const types = Object.entries(inputSchemas)
  .filter(([, schemas]) => schemas.length > 0)
  .map(([type]) => type);

const answering = types.filter((type) => messageTable[type]?.acknowledged);

test.each(answering)(
  'whoever starts %s with anything, and asks for its answer, is told why',
  async (type) => {
    await Promise.all(
      junk.map(async (input, index) => {
        const startWorkflowOperation = new WithStartWorkflowOperation(type, {
          workflowId: `asked/${at.migration.name}/${type}/${index}`,
          taskQueue: at.migration.taskQueue,
          args: [input],
          workflowIdConflictPolicy: 'FAIL',
        });
        const error: unknown = await at.temporal.workflow
          .executeUpdateWithStart('acknowledged', { startWorkflowOperation })
          .catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
        expect(failureIn(error)).toMatchObject({ code: 'InvalidRequest' });
        expect(JSON.stringify([failureIn(error), String(error)])).not.toContain(secret);
      }),
    );
  },
);

test.each(types)('%s is started with anything, and fails once', async (type) => {
  await Promise.all(
    junk.map(async (input, index) => {
      const handle = await at.temporal.workflow.start(type, {
        workflowId: `junk/${at.migration.name}/${type}/${index}`,
        taskQueue: at.migration.taskQueue,
        args: [input],
      });
      const error = await handle.result().then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(WorkflowFailedError);
      const failure = failureIn(error);
      expect(failure).toMatchObject({ code: 'InvalidRequest' });
      expect(JSON.stringify([failure?.message, failure?.details])).not.toContain(secret);
    }),
  );
});

test('an input of a version that the worker does not know is refused by that, with what to do', async () => {
  const { name, taskQueue } = at.migration;
  const run = at.temporal.workflow.execute('save', {
    workflowId: writeWorkflowId(name, 'later'),
    taskQueue,
    args: [{ inputVersion: 2, member: secret }],
  });
  expect(failureIn(await run.catch((error: unknown) => error))).toMatchObject({
    code: 'InvalidRequest',
    details: { path: 'inputVersion', remedy: expect.stringContaining('workers') },
  });
});

test('a first run takes up nothing that none has left', async () => {
  const { name: migration, taskQueue } = at.migration;
  const retry = { migration, parked: true, olderThanMs: 0, ids: null, rounds: none };
  const run = at.temporal.workflow.execute('retryFailedOperations', {
    workflowId: `junk/${migration}/carried`,
    taskQueue,
    args: [{ ...retry, carried: { found: {}, from: { at: secret } } }],
  });
  expect(failureIn(await run.catch((error: unknown) => error))).toMatchObject({
    code: 'InvalidRequest',
    details: { path: 'carried' },
  });
});

test('a migration has one workflow, under its own id', async () => {
  const second = at.temporal.workflow.execute('migration', {
    workflowId: `junk/${at.migration.name}/second`,
    taskQueue: at.migration.taskQueue,
    args: [{ migration: at.migration.name, ...configuredDefinition(at.migration), state: null }],
  });
  expect(failureIn(await second.catch((error: unknown) => error))).toMatchObject({
    code: 'InvalidRequest',
    message: expect.stringContaining(`this workflow is not ${migrationWorkflowId(at.migration.name)}`),
  });
});

test('the migration takes any message, and is what it was', async () => {
  const handle = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  const before = await at.lockstep.control.status();
  const messages = Object.entries(messageTable.migration ?? {}).filter(([, { takes }]) => takes.length > 0);
  for (const [message] of messages) {
    for (const sent of badMessages) {
      await handle.signal(message, sent);
      const error = await handle.executeUpdate(message, { args: [sent] }).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null) {
        expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
        expect(String(failureIn(error)?.message)).not.toContain(secret);
      }
    }
  }
  const now = await at.lockstep.control.status();
  expect({ ...now, pausedBy: null, paused: false }).toMatchObject({
    ...before,
    lastFailure: now.lastFailure,
  });
  const { pendingWorkflowTask } = (await handle.describe()).raw;
  expect(pendingWorkflowTask?.attempt ?? 1).toBeLessThan(2);
});

test('evidence is what a validation of its own has come to, and not what somebody says', async () => {
  const handle = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  const evidence = { differences: 0, compared: 1_000_000, upperBound: 0, at: new Date().toISOString() };
  for (const message of ['validationFinished', 'reconciliationFinished', 'bulkWorkEnded'])
    for (const sent of [evidence, 'validation', 'reconciliation', 'backfill'])
      await handle.signal(message, sent);
  await at.lockstep.control.send('resume');
  await at.lockstep.control.startValidation({ sample: null, seed: 1 });
  await until('it is validated', async () => !(await at.lockstep.control.status()).validating);
  expect((await at.lockstep.control.status()).evidence?.compared ?? 0).toBeLessThan(1_000);
});

test('a validation that somebody else has started is none of the migration', async () => {
  const { control } = at.lockstep;
  const { name: migration, taskQueue } = at.migration;
  const workflowId = validationWorkflowId(migration);
  await control.send('resume');
  const foreign = await at.temporal.workflow.signalWithStart('validate', {
    workflowId,
    taskQueue,
    args: [{ migration, entities: [account.name], sample: null, seed: 1 }],
    signal: setPaused,
    signalArgs: [true],
  });
  await expect(control.startValidation({ sample: null, seed: 1 })).rejects.toMatchObject({
    code: 'AlreadyRunning',
  });
  await foreign.signal(setPaused, false);
  await foreign.result();
  await at.temporal.workflow.getHandle(migrationWorkflowId(migration)).signal(bulkWorkEnded, 'validation');
  await until('nobody waits for it', async () => !(await control.status()).validating);
  expect(await control.status()).toMatchObject({
    evidence: null,
    lastFailure: expect.stringContaining('no result of this migration'),
  });
});
