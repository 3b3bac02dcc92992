import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { setCapture } from '../../client/operator/capture.ts';
import { account, newAccount } from '../support/accounts.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, storedIn, tableOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { expectedRows, write } from '../support/writers.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('legacy-only');
});
beforeEach(async () => {
  await setCapture(at.temporal, at.migration, at.environment, true);
  await bringTo(at.lockstep, 'validate');
});
afterAll(async () => {
  if (!at) return;
  await setCapture(at.temporal, at.migration, at.environment, false);
  await at[Symbol.asyncDispose]();
});

const schedule = () => at.temporal.schedule.getHandle(`replicate-captured/${at.migration.name}`);

/** Does not wait for the next run of the schedule. */
async function replicated(): Promise<void> {
  await schedule().trigger();
  await until('no mark is left', async () => (await at.stores.legacy.captured(1)).length === 0);
}

test('while nobody follows, a write outside Lockstep gets a version, for whoever follows later', async () => {
  await bringTo(at.lockstep, 'legacy-only');
  await at.sql.legacy(`INSERT INTO accounts VALUES (1, 'around', NULL, 1.00)`);
  await replicated();
  expect(await storedIn(at, 'legacy', account, 1)).toMatchObject({
    version: expect.stringMatching(/^[1-9]/),
  });
  await advanceTo(at.lockstep, 'validate');
  expect(await rowsOf(at, 'accounts', 1)).toEqual(
    Array(2).fill(expect.objectContaining({ owner: 'around' })),
  );
});

test('what other sessions insert, change and delete reaches the secondary under new versions', async () => {
  const changed = newAccount();
  const deleted = newAccount();
  for (const value of [changed, deleted])
    await at.lockstep.repository(account).create(value, { ack: 'both' });
  const [before] = await versionsOf(at, account, changed.id);
  await at.sql.legacy(`INSERT INTO accounts VALUES (2, 'inserted around', NULL, 1.00)`);
  await at.sql.legacy(`UPDATE accounts SET owner = 'changed around' WHERE id = ${changed.id}`);
  await at.sql.legacy(`DELETE FROM accounts WHERE id = ${deleted.id}`);
  await replicated();
  expect((await rowsOf(at, 'accounts', 2)).map((row) => row?.owner)).toEqual(
    Array(2).fill('inserted around'),
  );
  expect((await rowsOf(at, 'accounts', changed.id)).map((row) => row?.owner)).toEqual(
    Array(2).fill('changed around'),
  );
  expect(await rowsOf(at, 'accounts', deleted.id)).toEqual([null, null]);
  for (const store of ['legacy', 'modern'] as const)
    expect(await storedIn(at, store, account, deleted.id)).toMatchObject({ deleted: true });
  const [primary, secondary] = await versionsOf(at, account, changed.id);
  expect(primary).toBe(secondary);
  expect(BigInt(primary ?? 0) > BigInt(before ?? 0)).toBe(true);
  expect(await at.lockstep.reconciliation.run()).toMatchObject({ found: 0 });
});

test('what the secondary refuses is among the differences', async () => {
  await at.sql.legacy(`INSERT INTO accounts VALUES (3, 'too rich', NULL, 5000.00)`);
  await replicated();
  const found = await at.lockstep.reconciliation.differences(10);
  expect(found).toEqual([
    { entity: 'account', key: ['3'], verdict: 'refused', reason: expect.stringContaining('accounts_limit') },
  ]);
  await at.sql.legacy('DELETE FROM accounts WHERE id = 3');
  await replicated();
  // What is known to differ holds the gates, until it is looked at again.
  await at.lockstep.reconciliation.run();
});

test('writes outside Lockstep and through it, of the same keys at the same time, end equal in both stores', async () => {
  const shared = Array.from({ length: 5 }, () => newAccount());
  const accounts = at.lockstep.repository(account);
  for (const value of shared) await accounts.create(value, { ack: 'both' });
  const writers = write(accounts, { writers: 2 });
  for (let turn = 0; turn < 15; turn++) {
    const { id } = shared[turn % 5] ?? newAccount();
    await Promise.all([
      at.sql.legacy(`UPDATE accounts SET owner = 'around ${turn}' WHERE id = ${id}`),
      accounts.update(id, { balance: `${turn}.00` }),
      turn % 3 === 0 ? schedule().trigger() : Promise.resolve(),
    ]);
  }
  const promised = await writers.stop();
  expect(promised.failures).toEqual([]);
  await drained(at);
  await replicated();
  expect(await tableOf(at, 'legacy', 'accounts')).toEqual(expect.arrayContaining(expectedRows(promised)));
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect(await at.lockstep.reconciliation.run()).toMatchObject({ found: 0 });
});

test('the triggers follow the primary, and go when they are told', async () => {
  await setCapture(at.temporal, at.migration, at.environment, false);
  await at.sql.legacy(`INSERT INTO accounts VALUES (4, 'unseen', NULL, 1.00)`);
  expect(await at.stores.legacy.captured(1)).toEqual([]);
  await expect(schedule().describe()).rejects.toThrow();
  await at.sql.legacy('DELETE FROM accounts WHERE id = 4');
});
