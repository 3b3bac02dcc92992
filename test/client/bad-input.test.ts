import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { type Account, account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

async function expectNoWorkflow(operationId: string) {
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  await expect(handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
}

test.each<[string, Partial<Record<keyof Account, unknown>>, string]>([
  ['an owner of the wrong type', { owner: 17 }, 'account.owner'],
  ['a missing balance', { balance: undefined }, 'account.balance'],
  ['a balance that is no decimal', { balance: 'secret' }, 'account.balance'],
  ['a balance with too many digits', { balance: '1.005' }, 'account.balance'],
  ['an unknown member', { colour: 'secret' } as object, 'account'],
])('%s is refused before a workflow starts', async (_, wrong, path) => {
  const operationId = `bad-${newAccount().id}`;
  const value = { ...newAccount(), ...wrong } as Account;
  const failure = await at.lockstep
    .repository(account)
    .create(value, { operationId })
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'InvalidEntity', details: { path } });
  expect(String(failure)).not.toContain('secret');
  await expectNoWorkflow(operationId);
});

test('an entity that the migration does not have is refused with its name', () => {
  const stranger = entity({
    name: 'stranger',
    schema: z.strictObject({ id: z.int() }),
    key: 'id',
    legacy: table('accounts'),
    modern: table('accounts'),
  });
  expect(() => at.lockstep.repository(stranger)).toThrow(
    expect.objectContaining({ code: 'UnknownEntity', message: expect.stringContaining('stranger') }),
  );
});

test('a write that Temporal would not take is refused before a workflow starts', async () => {
  const operationId = `large-${newAccount().id}`;
  const value = newAccount({ owner: 'x'.repeat(2 * 1024 * 1024) });
  await expect(at.lockstep.repository(account).create(value, { operationId })).rejects.toMatchObject({
    code: 'TooLarge',
    details: { entity: 'account', operationId },
  });
  await expectNoWorkflow(operationId);
});

test('an operation id that no store could keep is refused', async () => {
  const noText: unknown = 7;
  for (const operationId of ['', 'with space', 'ü', 'x'.repeat(161), noText as string]) {
    await expect(at.lockstep.repository(account).create(newAccount(), { operationId })).rejects.toMatchObject(
      { code: 'InvalidOperationId' },
    );
  }
});

test('an update after which the record would fail its schema is refused, and changes nothing', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value);
  const failure = await accounts.update(value.id, { owner: '' }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'InvalidEntity' });
  await drained(at);
  for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: value.owner });
});

test('an update that would change the key, and an incomplete key, are refused', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value);
  // @ts-expect-error a patch has no key in it
  await expect(accounts.update(value.id, { id: value.id + 1 })).rejects.toMatchObject({
    code: 'InvalidEntity',
  });
  // @ts-expect-error not the key
  await expect(accounts.get({ owner: 'somebody' })).rejects.toMatchObject({ code: 'InvalidKey' });
  const read = await accounts.get(value.id);
  await expect(
    // @ts-expect-error a read that did not ask for the token
    accounts.update(value.id, { owner: 'lost' }, { ifUnchangedSince: read?.token }),
  ).rejects.toMatchObject({ code: 'InvalidToken', message: expect.stringContaining('withToken') });
  // @ts-expect-error no token
  await expect(accounts.get(value.id, { atLeast: 'nonsense' })).rejects.toMatchObject({
    code: 'InvalidToken',
  });
});

test.each([
  [{ timeoutMs: Number.NaN }, 'timeoutMs is NaN'],
  [{ timeoutMs: 2 ** 31 }, 'up to 2147483647'],
  [{ timeoutMs: '5' as never }, 'timeoutMs is 5'],
  [{ ack: 'all' as never }, '"all"'],
])('the options %j of a write are refused before a workflow starts', async (wrong, message) => {
  const operationId = `option-${newAccount().id}`;
  await expect(
    at.lockstep.repository(account).create(newAccount(), { operationId, ...wrong }),
  ).rejects.toMatchObject({ code: 'InvalidInput', message: expect.stringContaining(message) });
  await expectNoWorkflow(operationId);
});
