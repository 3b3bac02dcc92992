import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Entity } from '../../model/entity.ts';
import type { Evidence } from '../../model/evidence.ts';
import { account, newAccount } from '../support/accounts.ts';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, storedIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { write } from '../support/writers.ts';

let at: RunningMigration;
const rows = 450;
beforeAll(async () => {
  at = await runningMigration('dual-write');
  await advanceTo(at.lockstep, 'validate');
  await until('the first validation is over', async () => (await at.lockstep.control.status()).evidence);
});
/** Both stores as a backfill leaves them. */
beforeEach(async () => {
  const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old ${index + 1}', NULL, 5.00)`);
  for (const store of ['legacy', 'modern'] as const) {
    await at.sql[store]('DELETE FROM accounts');
    await at.sql[store](`INSERT INTO accounts VALUES ${values.join(', ')}`);
  }
  await at.sql.legacy('DELETE FROM lockstep_records');
  await at.sql.modern('DELETE FROM lockstep.records');
  await at.sql.legacy('DELETE FROM lockstep_differences');
});
afterAll(() => at?.[Symbol.asyncDispose]());

async function validated(sample: number | null, seed = 7): Promise<Evidence> {
  const { control } = at.lockstep;
  await control.startValidation({ sample, seed });
  const { evidence } = await until('the validation is over', async () => {
    const status = await control.status();
    return !status.validating && status;
  });
  if (!evidence) throw new Error('a validation leaves evidence');
  return evidence;
}

const found = async () =>
  (await at.stores.legacy.differences(at.migration.name, 100)).map(({ key, verdict }) => [key[0], verdict]);

test('equal stores have no difference, and the evidence says what it proves', async () => {
  expect(await validated(null)).toMatchObject({
    mode: 'full',
    compared: rows,
    differences: 0,
    upperBound: 0,
  });
  expect(await validated(100)).toMatchObject({
    mode: 'sample',
    compared: 100,
    differences: 0,
    upperBound: 0.03,
  });
});

test('none is invented while writers are at work', async () => {
  const writers = write(at.lockstep.repository(account));
  await until('the writers are at work', async () => writers.acknowledged() > 8);
  const evidence = await validated(null);
  const before = writers.acknowledged();
  expect(await validated(200)).toMatchObject({ differences: 0 });
  await until('the writers went on', async () => writers.acknowledged() > before);
  const { failures } = await writers.stop();
  expect(failures).toEqual([]);
  await drained(at);
  expect(evidence.differences).toBe(0);
  expect(await found()).toEqual([]);
});

test('what differs at the first look only was a write between the stores', async () => {
  let looks = 0;
  at.faults.modern.read = async (entity, keys) => {
    const stored = await at.stores.modern.read(entity, keys);
    looks += 1;
    return looks === 1 ? stored.map((record) => ({ ...record, image: null })) : stored;
  };
  const evidence = await validated(50);
  delete at.faults.modern.read;
  expect(evidence).toMatchObject({ compared: 50, differences: 0 });
  expect(looks).toBe(2);
});

test('what samples of two stores prove is that of one of them', async () => {
  const keysFrom =
    (first: number) =>
    async ({ name }: Pick<Entity, 'name'>, count: number) =>
      Array.from({ length: name === account.name ? count : 0 }, (_, index) => [String(first + index)]);
  at.faults.legacy.sample = keysFrom(1);
  at.faults.modern.sample = keysFrom(201);
  const evidence = await validated(100);
  delete at.faults.legacy.sample;
  delete at.faults.modern.sample;
  expect(evidence).toMatchObject({ compared: 100, differences: 0, upperBound: 0.03 });
});

test('a write that is pending is late, not lost', async () => {
  await at.proxies.modern.cut();
  const value = newAccount();
  await at.lockstep.repository(account).create(value);
  using writes = at.gates.close('modern', 'write');
  await at.proxies.modern.restore();
  expect(await validated(null)).toMatchObject({ differences: 0, inFlight: 1 });
  writes.open();
  await drained(at);
});

test('every planted difference is found, in full and in a sample of everything', async () => {
  const accounts = at.lockstep.repository(account);
  const stale = newAccount({ owner: 'first' });
  await accounts.create(stale, { ack: 'both' });
  const { version } = await storedIn(at, 'modern', account, stale.id);
  await accounts.update(stale.id, { owner: 'second' }, { ack: 'both' });
  await at.sql.modern(`UPDATE accounts SET owner = 'first' WHERE id = ${stale.id}`);
  await at.sql.modern(
    `UPDATE lockstep.records SET version = ${version} WHERE record_key = '["${stale.id}"]'`,
  );
  await at.sql.modern('DELETE FROM accounts WHERE id IN (10, 20)');
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = 30`);
  await at.sql.modern('UPDATE accounts SET balance = 5.01 WHERE id = 40');
  await at.sql.modern(`INSERT INTO accounts VALUES (999999, 'planted', NULL, 1.00)`);
  const planted = [
    ['10', 'missing'],
    ['20', 'missing'],
    ['30', 'mismatch'],
    ['40', 'mismatch'],
    ['999999', 'extra'],
    [String(stale.id), 'stale'],
  ].sort();
  for (const sample of [null, 100_000]) {
    expect(await validated(sample)).toMatchObject({ differences: planted.length });
    expect((await found()).sort()).toEqual(planted);
  }
  const reasons = await at.stores.legacy.differences(at.migration.name, 100);
  expect(reasons.find(({ key }) => key[0] === '30')?.reason).toBe('fields owner');
  expect(JSON.stringify(reasons)).not.toContain('planted');
});

test('a row that no field can hold is told as unreadable', async () => {
  await at.sql.modern('ALTER TABLE accounts DROP CONSTRAINT accounts_limit');
  await at.sql.modern(`UPDATE accounts SET balance = 'NaN' WHERE id = 50`);
  await validated(null);
  expect(await found()).toContainEqual(['50', 'unreadable']);
  await at.sql.modern('DELETE FROM accounts WHERE id = 50');
  await at.sql.modern('ALTER TABLE accounts ADD CONSTRAINT accounts_limit CHECK (balance < 1000)');
});
