import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveSignal, searchAttributes, writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowIn, rowsOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const status = (operationId: string) => at.lockstep.control.writeStatus(operationId);

/** An account whose update to a balance beyond the limit is in legacy, and parked. */
async function parkedUpdate() {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value, { ack: 'both' });
  const { operationId } = await accounts.update(value.id, { balance: refusedByModern });
  const found = await until('the write is parked', async () => {
    const now = await status(operationId);
    return now.stage === 'parked' && now;
  });
  return { value, operationId, reason: found.reason };
}

async function stateOf(operationId: string): Promise<unknown> {
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  return (await handle.describe()).searchAttributes?.[searchAttributes.state];
}

test('a write that the secondary refuses waits in sight, with its reason', async () => {
  const { value, operationId, reason } = await parkedUpdate();
  expect(reason).toContain('accounts_limit');
  expect(reason).not.toContain(refusedByModern);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'parked', reason });
  expect(await stateOf(operationId)).toEqual(['parked']);
  expect((await at.stores.legacy.journalBacklog(at.migration.name)).parked).toBeGreaterThanOrEqual(1);
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.balance)).toEqual([
    refusedByModern,
    '1.00',
  ]);
  await at.lockstep.control.resolve(operationId, 'discard');
});

test('the caller who waits for both is told that the write is parked', async () => {
  const value = newAccount({ balance: refusedByModern });
  const failure = await at.lockstep
    .repository(account)
    .create(value, { ack: 'both' })
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'Parked',
    details: { entity: 'account', operationId: expect.any(String), version: expect.any(String) },
  });
});

test('retry, once the constraint is out of the way, brings the write to the secondary', async () => {
  const { value, operationId } = await parkedUpdate();
  await at.lockstep.control.resolve(operationId, 'retry');
  await until('it is parked again', async () => {
    const entry = await entryIn(at, 'legacy', operationId);
    return (await status(operationId)).stage === 'parked' && entry?.status === 'parked';
  });

  await at.sql.modern('ALTER TABLE accounts DROP CONSTRAINT accounts_limit');
  try {
    await at.lockstep.control.resolve(operationId, 'retry');
    await until('the write is done', async () => (await status(operationId)).stage === 'done');
  } finally {
    await at.sql.modern(
      'ALTER TABLE accounts ADD CONSTRAINT accounts_limit CHECK (balance < 1000) NOT VALID',
    );
  }
  expect((await rowIn(at, 'modern', 'accounts', value.id))?.balance).toBe(refusedByModern);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('discard leaves the secondary as it is', async () => {
  const { value, operationId } = await parkedUpdate();
  await at.lockstep.control.resolve(operationId, 'discard');
  await until('the write is done', async () => (await status(operationId)).stage === 'done');
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.balance)).toEqual([
    refusedByModern,
    '1.00',
  ]);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'discarded' });
  expect(await stateOf(operationId)).toEqual(['discard']);
});

test('compensate gives both stores the image from before, under a newer version', async () => {
  const { value, operationId } = await parkedUpdate();
  const refused = await entryIn(at, 'legacy', operationId);
  await at.lockstep.control.resolve(operationId, 'compensate');
  await until('the write has failed', async () => (await status(operationId)).stage === 'failed');
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.balance)).toEqual(['1.00', '1.00']);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'compensated' });
  const [legacy, modern] = await versionsOf(at, account, value.id);
  expect(legacy).toBe(modern);
  expect(BigInt(legacy ?? 0)).toBeGreaterThan(BigInt(refused?.version ?? 0));
});

test('a compensated create is gone from both stores, and sending it again does not bring it back', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount({ balance: refusedByModern });
  const { operationId } = await accounts.create(value);
  await until('the write is parked', async () => (await status(operationId)).stage === 'parked');
  await at.lockstep.control.resolve(operationId, 'compensate');
  await until('the write has failed', async () => (await status(operationId)).stage === 'failed');
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject({ code: 'Compensated' });
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
});

test('a signal decides as well', async () => {
  const { operationId } = await parkedUpdate();
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  await handle.signal(resolveSignal, 'compensate');
  await until('the write has failed', async () => (await status(operationId)).stage === 'failed');
});

test('a write that is not parked, and a decision that there is not, are refused', async () => {
  const { operationId } = await parkedUpdate();
  await expect(at.lockstep.control.resolve(operationId, 'reset' as 'discard')).rejects.toMatchObject({
    code: 'InvalidInput',
  });
  await at.lockstep.control.resolve(operationId, 'discard');
  await until('the write is done', async () => (await status(operationId)).stage === 'done');
  await expect(at.lockstep.control.resolve(operationId, 'retry')).rejects.toMatchObject({
    code: 'NotRunning',
  });
});

test('a write that is on its way takes no decision', async () => {
  await at.proxies.modern.cut();
  const { operationId } = await at.lockstep.repository(account).create(newAccount());
  const refused = at.lockstep.control.resolve(operationId, 'discard').catch((error: unknown) => error);
  expect(await refused).toMatchObject({ code: 'NotParked' });
  await at.proxies.modern.restore();
  await drained(at);
});

test('a decision that is taken as soon as the journal says parked is not missed', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value, { ack: 'both' });
  at.faults.legacy.park = async (id, parked) => {
    await at.stores.legacy.park(id, parked);
    const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, id));
    await handle.signal(resolveSignal, 'discard');
  };
  const { operationId } = await accounts.update(value.id, { balance: refusedByModern });
  await until('the write is done', async () => (await status(operationId)).stage === 'done');
  delete at.faults.legacy.park;
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'discarded' });
});

test('compensating a parked write leaves a newer one that was acknowledged', async () => {
  const { value, operationId } = await parkedUpdate();
  const newer = await at.lockstep
    .repository(account)
    .update(value.id, { owner: 'newer', balance: '7.00' }, { ack: 'both' });
  await at.lockstep.control.resolve(operationId, 'compensate');
  await until('it is compensated', async () => (await status(operationId)).stage === 'failed');
  for (const row of await rowsOf(at, 'accounts', value.id))
    expect(row).toMatchObject({ owner: 'newer', balance: '7.00' });
  expect(await versionsOf(at, account, value.id)).toEqual([newer.version, newer.version]);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'compensated' });
});

test('a parked write is not compensated to what the secondary had before another open write of the key', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value, { ack: 'both' });
  const first = await accounts.replace({ ...value, owner: 'first', balance: refusedByModern });
  await until('it is parked', async () => (await status(first.operationId)).stage === 'parked');
  const second = await accounts.replace({ ...value, owner: 'second', balance: refusedByModern });
  await until('it is parked', async () => (await status(second.operationId)).stage === 'parked');
  await at.lockstep.control.resolve(second.operationId, 'compensate');
  const refused = await until('it is parked again', async () => {
    const now = await status(second.operationId);
    return now.stage === 'parked' && now.reason?.includes('cannot be compensated') && now;
  });
  expect(refused.reason).toContain(first.operationId);
  expect(await rowIn(at, 'legacy', 'accounts', value.id)).toMatchObject({ owner: 'second' });
  for (const { operationId } of [second, first]) await at.lockstep.control.resolve(operationId, 'discard');
});

test('what is parked can be decided from the journal once its workflow is gone', async () => {
  const [discarded, compensated, refused, retried] = [
    await parkedUpdate(),
    await parkedUpdate(),
    await parkedUpdate(),
    await parkedUpdate(),
  ];
  for (const { operationId } of [discarded, compensated, refused, retried])
    await at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId)).terminate('lost');
  const balances = async ({ value }: typeof discarded) =>
    (await rowsOf(at, 'accounts', value.id)).map((row) => row?.balance);

  await at.lockstep.control.resolve(discarded.operationId, 'discard');
  expect(await entryIn(at, 'legacy', discarded.operationId)).toMatchObject({ status: 'discarded' });
  expect(await balances(discarded)).toEqual([refusedByModern, '1.00']);

  await at.lockstep.control.resolve(compensated.operationId, 'compensate');
  expect(await entryIn(at, 'legacy', compensated.operationId)).toMatchObject({ status: 'compensated' });
  expect(await balances(compensated)).toEqual(['1.00', '1.00']);

  await at.lockstep.control.resolve(refused.operationId, 'retry');
  expect(await entryIn(at, 'legacy', refused.operationId)).toMatchObject({ status: 'parked' });
  await at.lockstep.control.resolve(refused.operationId, 'discard');

  await at.sql.legacy(`UPDATE accounts SET balance = 999 WHERE id = ${retried.value.id}`);
  await at.lockstep.control.resolve(retried.operationId, 'retry');
  expect(await entryIn(at, 'legacy', retried.operationId)).toMatchObject({ status: 'completed' });
  expect(await balances(retried)).toEqual(['999.00', '999.00']);
  await expect(at.lockstep.control.resolve(retried.operationId, 'retry')).rejects.toMatchObject({
    code: 'NotRunning',
  });
});
