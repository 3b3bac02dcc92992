import { afterAll, beforeAll, expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, tableOf, versionsOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('callers do not notice that the secondary is down, and it catches up by itself', async () => {
  const accounts = at.lockstep.repository(account);
  const kept = newAccount();
  const deleted = newAccount();
  await accounts.create(kept);
  await accounts.create(deleted);
  await drained(at);

  await at.proxies.modern.cut();
  const values = Array.from({ length: 10 }, () => newAccount());
  for (const value of values) await accounts.create(value);
  await accounts.update(kept.id, { owner: 'changed in the dark' });
  await accounts.update(kept.id, { balance: '7.00' });
  await accounts.delete(deleted.id);
  expect((await at.stores.legacy.journalBacklog(at.migration.name)).pending).toBeGreaterThanOrEqual(10);

  await at.proxies.modern.restore();
  await drained(at);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  for (const row of await rowsOf(at, 'accounts', kept.id)) {
    expect(row).toMatchObject({ owner: 'changed in the dark', balance: '7.00' });
  }
  expect(await rowsOf(at, 'accounts', deleted.id)).toEqual([null, null]);
});

test('callers do not wait for a secondary that does not answer', async () => {
  const accounts = at.lockstep.repository(account);
  at.proxies.modern.hang();
  try {
    const value = newAccount();
    // Less than a workflow task may last while the secondary is tried.
    await accounts.create(value, { timeoutMs: 6_000 });
    const [entry] = await at.stores.legacy.journal({
      migration: at.migration.name,
      statuses: ['pending'],
      limit: 1,
    });
    expect(entry?.key).toEqual([String(value.id)]);
  } finally {
    await at.proxies.modern.restore();
  }
  await drained(at);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
});

test('whatever becomes of the attempt at the secondary, the primary is asked once, and its decision is the answer', async () => {
  const value = newAccount();
  let asked = 0;
  at.faults.legacy.write = async (...call) => {
    asked += 1;
    return await at.stores.legacy.write(...call);
  };
  at.faults.modern.write = () => Promise.reject(new TypeError('nobody has foreseen this'));
  const { version } = await at.lockstep.repository(account).create(value);
  delete at.faults.modern.write;
  delete at.faults.legacy.write;
  expect(asked).toBe(1);
  await drained(at);
  expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
});

test('a primary that comes back in time takes the write', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  let tried = 0;
  at.faults.legacy.write = async (...call) => {
    tried += 1;
    if (tried === 1) throw new LockstepError('StoreUnavailable', 'away for a moment', { store: 'legacy' });
    return await at.stores.legacy.write(...call);
  };
  using _ = { [Symbol.dispose]: () => Reflect.deleteProperty(at.faults.legacy, 'write') };
  const writing = accounts.create(value);
  const { version } = await writing;
  expect(version).not.toBeNull();
  await drained(at);
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.owner)).toEqual([
    value.owner,
    value.owner,
  ]);
});
