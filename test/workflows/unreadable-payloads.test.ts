import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporalPlace } from '../../client/temporal/connection.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { messageTable } from '../../model/inputs/messages.ts';
import { foreignWorker } from '../../proofs/hostile/foreign.ts';
import {
  rawJson,
  signalRaw,
  startRaw,
  unreadablePayloads,
  untakenPayloads,
  updateRaw,
} from '../../proofs/hostile/raw-payloads.ts';
import { inputSchemas } from '../../workflows/inputs.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';

const secret = 'what-was-sent-must-not-come-back';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());

const target = () => ({ temporal: at.temporal, namespace: temporalPlace(at.environment).namespace });
const payloads = Object.values(untakenPayloads);

async function failureOf(workflowId: string) {
  const error = await at.temporal.workflow
    .getHandle(workflowId)
    .result()
    .catch((reason: unknown) => reason);
  return failureIn(error);
}

const types = Object.entries(inputSchemas).flatMap(([type, schemas]) => (schemas.length > 0 ? [type] : []));

test.each(types)('%s is started with bytes that nobody can read, and fails once', async (type) => {
  await Promise.all(
    payloads.map(async (input, index) => {
      const workflowId = `raw/${at.migration.name}/${type}/${index}`;
      await startRaw(target(), { type, workflowId, taskQueue: at.migration.taskQueue }, { input });
      const failure = await failureOf(workflowId);
      expect(failure).toMatchObject({ code: 'InvalidRequest' });
      expect(JSON.stringify([failure?.message, failure?.details])).not.toContain(secret);
    }),
  );
});

test('a memo that nobody can read fails nothing', async () => {
  const { name, taskQueue } = at.migration;
  const operationId = `memo-${name}`;
  const input = rawJson(
    JSON.stringify({ entity: 'account', kind: 'create', value: newAccount(), operationId }),
  );
  for (const memo of payloads) {
    const workflowId = `write/${name}/${operationId}`;
    await startRaw(target(), { type: 'save', workflowId, taskQueue }, { input, memo });
    expect(await failureOf(workflowId)).toBeNull();
  }
});

test('the migration takes bytes that nobody can read as any message, and is what it was', async () => {
  const before = await at.lockstep.control.status();
  const workflowId = migrationWorkflowId(at.migration.name);
  for (const [message, { takes, kinds }] of Object.entries(messageTable.migration ?? {})) {
    if (takes.length === 0) continue;
    for (const payload of payloads) {
      await signalRaw(target(), workflowId, message, payload);
      if (!kinds.includes('update')) continue;
      const { refused } = await updateRaw(target(), workflowId, message, payload);
      expect(refused).toMatch(new RegExp(`^(?!.*${secret}).*message ${message} is not what it should be`));
    }
  }
  expect(await at.lockstep.control.status()).toEqual(before);
});

test('an update that takes nothing is refused with bytes that nobody can read', async () => {
  const { name, taskQueue } = at.migration;
  const operationId = `asked-${name}`;
  const workflowId = `write/${name}/${operationId}`;
  const value = newAccount({ balance: refusedByModern });
  const input = { entity: 'account', kind: 'create', value, operationId };
  await at.temporal.workflow.start('save', { workflowId, taskQueue, args: [input] });
  for (const payload of Object.values(unreadablePayloads)) {
    const { refused } = await updateRaw(target(), workflowId, 'acknowledged', payload);
    expect(refused).toMatch('message acknowledged is not what it should be');
  }
  expect(await at.temporal.workflow.getHandle(workflowId).executeUpdate('acknowledged')).toMatchObject({
    operationId,
  });
});

test('an activity that is given bytes that nobody can read is refused once', async () => {
  await using foreign = await foreignWorker(at.temporal, at.environment, at.migration);
  const refused = await Promise.all(
    Object.entries(untakenPayloads).map(async ([what, payload]) => {
      const { attempts, error } = await foreign.attemptRaw('drain', payload, 60_000);
      return { what, attempts, code: failureIn(error)?.code ?? String(error) };
    }),
  );
  expect(refused).toEqual(
    Object.keys(untakenPayloads).map((what) => ({ what, attempts: 1, code: 'InvalidRequest' })),
  );
});
