import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReconcileOptions } from '../../client/operator/reconciliation.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, storedIn, tableOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { expectedRows, write } from '../support/writers.ts';

let at: RunningMigration;
const rows = 2_500;
beforeAll(async () => {
  at = await runningMigration('dual-write');
  const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old ${index + 1}', NULL, 5.00)`);
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);
  await advanceTo(at.lockstep, 'validate');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const reconcile = (options: ReconcileOptions = {}) =>
  at.lockstep.reconciliation.run({ entity: 'account', ...options });

const found = async () =>
  (await at.lockstep.reconciliation.differences(100)).map(({ key, verdict, reason }) => [
    key[0],
    verdict,
    reason,
  ]);

const sameRows = async () =>
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));

test('equal stores have no difference, and the evidence goes to the migration', async () => {
  const { evidence, ...rest } = await at.lockstep.reconciliation.run();
  const entities = at.migration.entities.map(({ name }) => name);
  expect(rest).toEqual({ entities, found: 0, repaired: 0, ahead: 0, skipped: null });
  const [row] = await at.sql.legacy('SELECT count(*) AS n FROM accounts');
  const compared = Number(row?.n);
  expect(compared).toBeGreaterThanOrEqual(rows);
  expect(evidence).toMatchObject({ mode: 'full', compared, differences: 0, upperBound: 0 });
  await until('the migration has it', async () => {
    const status = await at.lockstep.control.status();
    return status.evidence?.at === evidence?.at;
  });
});

test('a reconciliation of one entity says nothing of the others', async () => {
  const { evidence } = await reconcile();
  const migration = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  await until('the migration has looked at its result', async () => {
    const { events } = await migration.fetchHistory();
    return (events ?? []).some(({ activityTaskCompletedEventAttributes: look }) =>
      look?.result?.payloads?.some(({ data }) => data && Buffer.from(data).includes(String(evidence?.at))),
    );
  });
  expect((await at.lockstep.control.status()).evidence?.at).not.toBe(evidence?.at);
});

test('it reports without changing anything, and repairs what nobody wrote through Lockstep', async () => {
  await at.sql.modern('DELETE FROM accounts WHERE id IN (10, 20)');
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = 30`);
  await at.sql.modern(
    `INSERT INTO accounts VALUES (999999, 'planted', NULL, 1.00), (-5, 'planted', NULL, 1.00)`,
  );
  const before = await tableOf(at, 'modern', 'accounts');
  expect(await reconcile()).toMatchObject({ found: 5, repaired: 0 });
  expect(await found()).toEqual(
    expect.arrayContaining([
      ['10', 'missing', expect.any(String)],
      ['20', 'missing', expect.any(String)],
      ['30', 'mismatch', 'fields owner'],
      ['999999', 'extra', expect.any(String)],
      ['-5', 'extra', expect.any(String)],
    ]),
  );
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(before);

  const legacy = await tableOf(at, 'legacy', 'accounts');
  const { evidence, ...repair } = await reconcile({ repair: true });
  expect(repair).toMatchObject({ found: 5, repaired: 5 });
  expect(evidence).toMatchObject({ differences: 0 });
  expect(await tableOf(at, 'legacy', 'accounts')).toEqual(legacy);
  await sameRows();
  expect(await found()).toEqual([]);
  expect(await storedIn(at, 'legacy', account, 999_999)).toMatchObject({ deleted: true, image: null });
  expect(await reconcile()).toMatchObject({ found: 0 });
});

test('what changed outside Lockstep is told as that, and the primary stands under a new version', async () => {
  const accounts = at.lockstep.repository(account);
  const inPrimary = newAccount({ owner: 'written' });
  const inSecondary = newAccount({ owner: 'written' });
  const deleted = newAccount();
  for (const value of [inPrimary, inSecondary, deleted]) await accounts.create(value, { ack: 'both' });
  await at.sql.legacy(`UPDATE accounts SET owner = 'around' WHERE id = ${inPrimary.id}`);
  await at.sql.modern(`UPDATE accounts SET owner = 'around' WHERE id = ${inSecondary.id}`);
  await at.sql.legacy(`DELETE FROM accounts WHERE id = ${deleted.id}`);
  const before = await versionsOf(at, account, inPrimary.id);
  expect(await reconcile()).toMatchObject({ found: 3 });
  const around = 'changed outside Lockstep in the';
  expect(await found()).toEqual(
    expect.arrayContaining([
      [String(inPrimary.id), 'mismatch', `fields owner; ${around} primary (same version, other digest)`],
      [String(inSecondary.id), 'mismatch', `fields owner; ${around} secondary (same version, other digest)`],
      [
        String(deleted.id),
        'extra',
        `only the secondary has the key; ${around} primary (same version, other digest)`,
      ],
    ]),
  );
  expect(await reconcile({ repair: true })).toMatchObject({ found: 3, repaired: 3 });
  expect((await rowsOf(at, 'accounts', inPrimary.id)).map((row) => row?.owner)).toEqual(['around', 'around']);
  expect((await rowsOf(at, 'accounts', inSecondary.id)).map((row) => row?.owner)).toEqual([
    'written',
    'written',
  ]);
  expect(await rowsOf(at, 'accounts', deleted.id)).toEqual([null, null]);
  const after = await versionsOf(at, account, inPrimary.id);
  expect(after[0]).toBe(after[1]);
  expect(BigInt(after[0] ?? 0) > BigInt(before[0] ?? 0)).toBe(true);
  expect(await reconcile()).toMatchObject({ found: 0 });
});

test('a repair never lowers a version', async () => {
  const ahead = newAccount();
  await at.lockstep.repository(account).create(ahead, { ack: 'both' });
  const future = (2n ** 62n).toString();
  const key = `record_key = '["${ahead.id}"]'`;
  await at.sql.modern(`UPDATE lockstep.records SET version = ${future} WHERE ${key}`);
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = ${ahead.id}`);
  expect(await reconcile({ repair: true })).toMatchObject({ found: 1, repaired: 0, ahead: 1 });
  expect(await reconcile({ repair: true, from: 'legacy' })).toMatchObject({ found: 1, repaired: 1 });
  const [primary, secondary] = await versionsOf(at, account, ahead.id);
  expect(primary).toBe(secondary);
  expect(BigInt(secondary ?? 0) > BigInt(future)).toBe(true);
  await sameRows();
});

test('an older version of equal rows is stale, and converging mends it', async () => {
  const value = newAccount();
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  await at.sql.modern(`UPDATE lockstep.records SET version = 1 WHERE record_key = '["${value.id}"]'`);
  expect(await reconcile()).toMatchObject({ found: 1 });
  expect(await found()).toEqual([[String(value.id), 'stale', expect.stringContaining('older version')]]);
  expect(await reconcile({ repair: true })).toMatchObject({ repaired: 1 });
  const [primary, secondary] = await versionsOf(at, account, value.id);
  expect(secondary).toBe(primary);
});

test('what the secondary refuses stays, with the reason', async () => {
  await at.sql.legacy('UPDATE accounts SET balance = 2000.00 WHERE id = 40');
  const { evidence } = await reconcile({ repair: true });
  expect(evidence).toMatchObject({ differences: 1 });
  expect(await found()).toEqual([['40', 'refused', expect.stringContaining('accounts_limit')]]);
  await at.sql.legacy('UPDATE accounts SET balance = 5.00 WHERE id = 40');
  expect(await reconcile({ repair: true })).toMatchObject({ evidence: { differences: 0 } });
});

test('repairs among live writers undo none of their writes', async () => {
  const writers = write(at.lockstep.repository(account));
  await until('the writers are at work', async () => writers.acknowledged() > 8);
  for (let round = 0; round < 3; round++) {
    const victims = Array.from({ length: 20 }, (_, index) => 100 + round * 20 + index);
    await at.sql.modern(`DELETE FROM accounts WHERE id IN (${victims.join(', ')})`);
    expect(await reconcile({ repair: true })).toMatchObject({ found: 20, repaired: 20 });
  }
  const promised = await writers.stop();
  expect(promised.failures).toEqual([]);
  await drained(at);
  expect(await tableOf(at, 'legacy', 'accounts')).toEqual(expect.arrayContaining(expectedRows(promised)));
  await sameRows();
  expect(await reconcile()).toMatchObject({ found: 0 });
});

test('a schedule is made once, changed, and ended', async () => {
  const { reconciliation } = at.lockstep;
  await reconciliation.schedule(3_600_000, { entity: 'account' });
  await reconciliation.schedule(7_200_000, { repair: true });
  const handle = at.temporal.schedule.getHandle(`reconcile/${at.migration.name}`);
  const { spec, action } = await handle.describe();
  expect(spec.intervals?.map(({ every }) => every)).toEqual([7_200_000]);
  expect(JSON.stringify(action.args)).toContain('"repair":true');
  expect(await reconciliation.unschedule()).toBe(true);
  expect(await reconciliation.unschedule()).toBe(false);
});
