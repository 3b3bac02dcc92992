import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TransactionScope } from '../../client/service/transaction-writer.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { bound, ledger, newAccount } from '../support/accounts.ts';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn, rowsOf, tableOf, versionsOf } from '../support/inspect.ts';
import { inDoubtIn, transactionalFixture } from '../support/transactions.ts';
import { until } from '../support/until.ts';
import { writeMessage } from '../support/write-message.ts';

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', { from, ...transactionalFixture });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());
  afterEach(() => {
    for (const store of ['legacy', 'modern'] as const) {
      for (const name of Object.keys(at.faults[store])) Reflect.deleteProperty(at.faults[store], name);
    }
  });

  const speaks = (store: StoreName) => ((store === 'legacy') === (from === 'mysql') ? 'mysql' : 'postgresql');
  const prepares = { mysql: 'XA PREPARE', postgresql: 'PREPARE TRANSACTION' };
  const commits = { mysql: 'XA COMMIT', postgresql: 'COMMIT PREPARED' };

  const answers: [string, StoreName, () => string][] = [
    ['the record', 'legacy', () => 'began_at'],
    ['the write', 'legacy', () => writeMessage(at.stores.legacy, ledger.name)],
    ['prepare', 'legacy', () => prepares[speaks('legacy')]],
    ['prepare', 'modern', () => prepares[speaks('modern')]],
    ['the decision', 'legacy', () => 'SET decision'],
    ['commit', 'legacy', () => commits[speaks('legacy')]],
    ['commit', 'modern', () => commits[speaks('modern')]],
  ];

  test.each(answers)(
    '%s, whose answer from %s is lost, takes effect exactly once',
    async (_, store, holding) => {
      const [one, two] = [newAccount(), newAccount()];
      await at.lockstep.repository(bound).create(one);
      const dropped = at.proxies[store].dropNextAnswer(holding());
      const { versions } = await at.lockstep.transaction((tx) => [
        tx(bound).update(one.id, { owner: 'once' }),
        tx(ledger).create(two),
      ]);
      await dropped;
      await until('nothing is in doubt', async () => (await inDoubtIn(at)).length === 0);
      expect(await versionsOf(at, bound, one.id)).toEqual([versions?.[0], versions?.[0]]);
      expect(await versionsOf(at, ledger, two.id)).toEqual([versions?.[1], versions?.[1]]);
      for (const row of await rowsOf(at, 'bound', one.id)) expect(row).toMatchObject({ owner: 'once' });
    },
  );

  test('an abort that comes before the decision wins, and the caller is told', async () => {
    const [one, two] = [newAccount(), newAccount()];
    const { legacy } = at.stores;
    at.faults.legacy.decide = async (migration, transaction, verdict) => {
      const abort = { decision: 'abort', code: 'Aborted', reason: 'recovery came first' } as const;
      await legacy.decide(migration, transaction, abort);
      return await legacy.decide(migration, transaction, verdict);
    };
    const operationId = randomUUID();
    const items = (tx: TransactionScope) => [tx(bound).create(one), tx(ledger).create(two)];
    await expect(at.lockstep.transaction(items, { operationId })).rejects.toMatchObject({
      code: 'Aborted',
      message: 'recovery came first',
    });
    Reflect.deleteProperty(at.faults.legacy, 'decide');
    expect(await rowsOf(at, 'bound', one.id)).toEqual([null, null]);
    expect(await rowsOf(at, 'ledgers', two.id)).toEqual([null, null]);
    expect(await inDoubtIn(at)).toEqual([]);
    await expect(at.lockstep.transaction(items, { operationId })).rejects.toMatchObject({
      code: 'Aborted',
    });
  });

  test('a try that another has overtaken never commits', async () => {
    const value = newAccount();
    const { legacy } = at.stores;
    let overtaken = 0;
    at.faults.legacy.decide = async (migration, transaction, verdict) => {
      Reflect.deleteProperty(at.faults.legacy, 'decide');
      overtaken += 1;
      const other = { operationId: transaction, entity: 'bound', key: [String(value.id)] };
      await legacy.openTransaction(other, 'overtake', migration);
      return await legacy.decide(migration, transaction, verdict);
    };
    const { version } = await at.lockstep.repository(bound).create(value);
    expect(overtaken).toBe(1);
    expect(await versionsOf(at, bound, value.id)).toEqual([version, version]);
    expect(await inDoubtIn(at)).toEqual([]);
  });

  test('an update of a record that changes meanwhile is computed again, and loses nothing', async () => {
    const accounts = at.lockstep.repository(bound);
    const value = newAccount();
    await accounts.create(value);
    const email = `meanwhile@${value.id}`;
    at.faults.legacy.read = async (entity, keys) => {
      Reflect.deleteProperty(at.faults.legacy, 'read');
      const stored = await at.stores.legacy.read(entity, keys);
      await accounts.update(value.id, { email });
      return stored;
    };
    await accounts.update(value.id, { owner: 'other' });
    for (const row of await rowsOf(at, 'bound', value.id))
      expect(row).toMatchObject({ owner: 'other', email });
  });

  test('a store that is unavailable holds the caller back, and then has the write', async () => {
    const value = newAccount();
    using second = at.gates.close('modern', 'prepareBranch', { after: 1 });
    await at.proxies.modern.cut();
    const writing = at.lockstep.repository(bound).create(value);
    // The first try has found it away.
    await second.waiting();
    await at.proxies.modern.restore();
    second.open();
    const { version } = await writing;
    expect(await versionsOf(at, bound, value.id)).toEqual([version, version]);
  });

  test('a store that is unavailable after the decision gets its commit when it is back', async () => {
    const value = newAccount();
    at.faults.modern.commitBranch = async () => {
      Reflect.deleteProperty(at.faults.modern, 'commitBranch');
      throw new LockstepError('StoreUnavailable', 'away');
    };
    const { version } = await at.lockstep.repository(bound).create(value);
    expect(await versionsOf(at, bound, value.id)).toEqual([version, version]);
    expect(await inDoubtIn(at)).toEqual([]);
  });

  test('a branch that somebody has rolled back by hand after the decision is seen', async () => {
    const value = newAccount();
    at.faults.modern.commitBranch = async (branch) => {
      await at.stores.modern.rollBackBranch(branch);
      return false;
    };
    const writing = at.lockstep.repository(bound).create(value, { timeoutMs: 3_000 });
    await expect(writing).rejects.toMatchObject({ code: 'OutcomeUnknown' });
    expect(await rowsOf(at, 'bound', value.id)).toEqual([expect.anything(), null]);
  });
});

test('a secondary that stays unavailable leaves nothing behind, and the id is closed', async () => {
  await using at = await runningMigration('dual-write', {
    ...transactionalFixture,
    write: { primaryGiveUpMs: 2_000 },
  });
  const value = newAccount();
  const operationId = randomUUID();
  const accounts = at.lockstep.repository(bound);
  await at.proxies.modern.cut();
  const refused = { code: 'StoreUnavailable', message: expect.stringContaining('nothing was written') };
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject(refused);
  await at.proxies.modern.restore();
  expect(await rowsOf(at, 'bound', value.id)).toEqual([null, null]);
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject(refused);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'aborted', version: null });
  await accounts.create(value);
});

test('writers go on through a change of primary and back, and both stores agree', async () => {
  await using at = await runningMigration('switch-reads', {
    ...transactionalFixture,
    phases: { drainLimitMs: 60_000 },
  });
  const failures: unknown[] = [];
  let stopped = false;
  let done = 0;
  const write = async () => {
    const value = newAccount();
    await at.lockstep.transaction((tx) => [tx(bound).create(value), tx(ledger).create(value)]);
    while (!stopped) {
      const owner = `owner ${done}`;
      await at.lockstep.transaction((tx) => [
        tx(bound).update(value.id, { owner }),
        tx(ledger).update(value.id, { owner }),
      ]);
      done += 1;
    }
  };
  const writers = Promise.all(
    Array.from({ length: 3 }, () => write().catch((error: unknown) => failures.push(String(error)))),
  );
  await advanceTo(at.lockstep, 'switch-primary');
  const atModern = done;
  await until('writes go through the new primary', async () => done > atModern + 10);
  await at.lockstep.control.send('rollback');
  const back = done;
  await until('writes go through the old primary', async () => done > back + 10);
  stopped = true;
  await writers;
  expect(failures).toEqual([]);
  expect(await inDoubtIn(at)).toEqual([]);
  for (const table of ['bound', 'ledgers']) {
    expect(await tableOf(at, 'legacy', table)).toEqual(await tableOf(at, 'modern', table));
  }
  expect(await tableOf(at, 'legacy', 'bound')).toEqual(await tableOf(at, 'legacy', 'ledgers'));
});
