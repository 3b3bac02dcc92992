import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../client/service/connect.ts';
import { definitionDigest } from '../../model/definition.ts';
import { keyOf } from '../../model/entity.ts';
import { imageOf } from '../../model/field.ts';
import type { WriteInput } from '../../model/operation.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount, refusedByModern, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('the same operation id has one effect and one receipt, at once and later', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  const operationId = `create-${value.id}`;
  const [first, second] = await Promise.all([
    accounts.create(value, { operationId }),
    accounts.create(value, { operationId }),
  ]);
  expect(second).toEqual(first);
  await accounts.update(value.id, { owner: 'later' });
  expect(await accounts.create(value, { operationId })).toEqual(first);
  await drained(at);
  for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'later' });
});

test('the same update sent twice is applied once', async () => {
  const twins = at.lockstep.repository(twin);
  const value = newAccount();
  await twins.create(value);
  const operationId = `update-${value.id}`;
  const first = await twins.update(value.id, { owner: 'first' }, { operationId });
  await twins.update(value.id, { owner: 'second' });
  expect(await twins.update(value.id, { owner: 'first' }, { operationId })).toEqual(first);
  for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: 'second' });
});

test('a write whose workflow was terminated is finished when it is sent again', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  const operationId = `lost-${value.id}`;
  await at.proxies.modern.cut();
  const { version } = await accounts.create(value, { operationId });
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  await handle.terminate('lost');
  await at.proxies.modern.restore();
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([expect.anything(), null]);

  expect(await accounts.create(value, { operationId, ack: 'both' })).toMatchObject({ version });
  expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
});

test('a write that lay for longer than the journal remembers is not begun again', async () => {
  const { name, taskQueue, policy } = at.migration;
  const value = newAccount();
  const image = imageOf(account.fields, value, 'account');
  const id = `forgotten-${value.id}`;
  const state = await at.stores.legacy.readState(name);
  const input: WriteInput = {
    migration: name,
    operation: {
      id,
      entity: 'account',
      kind: 'create',
      key: keyOf(account, image),
      image,
      definition: definitionDigest(account),
      proposed: '1',
      expectedVersion: null,
    },
    pattern: 'primary-secondary',
    ack: 'primary',
    route: { epoch: state?.epoch ?? 0, primary: 'legacy', secondary: 'modern' },
    dualWrite: true,
    validateAfterMs: null,
    policy: { ...policy, journalRetentionMs: 10 },
  };
  const workflowId = writeWorkflowId(name, id);
  // As if no worker had come for it in all that time.
  const lain = at.temporal.workflow.execute('write', {
    workflowId,
    taskQueue,
    args: [input],
    startDelay: '1s',
  });
  await expect(lain).rejects.toMatchObject({ cause: { type: 'OutcomeUnknown' } });
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
});

test('without a worker the outcome is unknown, and known when it is sent again', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  const operationId = `unknown-${value.id}`;
  await at.worker.shutdown();
  await expect(accounts.create(value, { operationId, timeoutMs: 1_500 })).rejects.toMatchObject({
    code: 'OutcomeUnknown',
    details: { operationId, entity: 'account' },
  });
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);

  await at.work();
  const { version } = await accounts.create(value, { operationId, ack: 'both' });
  expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
});

test.each(['workflow', 'embedded'] as const)(
  'an id that another write has is refused, and nothing is written: by the %s',
  async (way) => {
    await using open = new AsyncDisposableStack();
    const service =
      way === 'embedded'
        ? await connect(at.migration, { environment: at.environment, worker: 'embedded' })
        : at.lockstep;
    if (service !== at.lockstep) open.defer(() => service.close());
    const writes = service.repository(account);
    const [first, other] = [newAccount(), newAccount()];
    const operationId = `used-${first.id}`;
    const receipt = await writes.create(first, { operationId, ack: 'both' });
    const taken = { code: 'OperationIdTaken', retryable: false, details: { operationId } };
    await expect(writes.create(other, { operationId, ack: 'both' })).rejects.toMatchObject(taken);
    await expect(writes.update(first.id, { owner: 'other' }, { operationId })).rejects.toMatchObject(taken);
    const [among] = await Promise.allSettled([
      writes.replace(other, { operationId }),
      writes.create(newAccount()),
      writes.create(newAccount()),
    ]);
    expect(among).toMatchObject({ status: 'rejected', reason: taken });
    expect(await writes.create(first, { operationId, ack: 'both' })).toEqual(receipt);
    expect(await rowsOf(at, 'accounts', other.id)).toEqual([null, null]);
    for (const row of await rowsOf(at, 'accounts', first.id))
      expect(row).toMatchObject({ owner: first.owner });
  },
);

test('an id is refused while the workflow of the write that has it goes on', async () => {
  const [value, other] = [newAccount({ balance: refusedByModern }), newAccount()];
  const operationId = `parked-${value.id}`;
  const accounts = at.lockstep.repository(account);
  await accounts.create(value, { operationId });
  await until(
    'it is parked',
    async () => (await at.lockstep.control.writeStatus(operationId).catch(() => null))?.stage === 'parked',
  );
  for (const ack of ['primary', 'both', 'recorded'] as const) {
    await expect(accounts.create(other, { operationId, ack })).rejects.toMatchObject({
      code: 'OperationIdTaken',
    });
  }
  for (const ack of ['primary', 'recorded'] as const)
    expect(await accounts.create(value, { operationId, ack })).toMatchObject({ operationId });
  await at.lockstep.control.resolve(operationId, 'compensate');
  await drained(at);
  expect(await rowsOf(at, 'accounts', other.id)).toEqual([null, null]);
});
