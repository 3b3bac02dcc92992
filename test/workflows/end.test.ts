import { expect, test } from 'vitest';
import { configuredDefinition } from '../../client/operator/running-definition.ts';
import { account } from '../support/accounts.ts';
import { connectBoth } from '../support/connect-both.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

/** The legacy tables that are not Lockstep's own. */
async function legacyTables(at: RunningMigration): Promise<string[]> {
  const rows = await at.sql.legacy(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
     AND TABLE_NAME NOT LIKE 'lockstep\\_%' ORDER BY TABLE_NAME`,
  );
  return rows.map(({ name }) => name ?? '');
}

const retired = /^accounts__retired_[0-9a-f]{8}$/;

test("what is over stays over: a new table of the old name is nobody else's", async () => {
  await using at = await runningMigration('modern-only', {
    entities: [account],
    phases: { dropLegacyAfterMs: 1_000 },
  });
  const { control } = at.lockstep;
  await control.send('decommission');
  await at.sql.legacy('CREATE TABLE accounts (id integer PRIMARY KEY, purpose varchar(20))');
  await until(
    'the retired table is dropped',
    async () => (await at.stores.legacy.retiredTables()).length === 0,
  );
  const handle = at.temporal.workflow.getHandle(`migration/${at.migration.name}`);
  await until('the migration is over', async () => (await handle.describe()).status.name === 'COMPLETED');

  await using again = await connectBoth(at.migration, { environment: at.environment, temporal: at.temporal });
  await expect(again.control.start()).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'end', measured: { phase: 'decommissioned', retired: 0 } },
  });
  // Nor does it matter who starts it.
  const definition = configuredDefinition(at.migration);
  const started = await at.temporal.workflow.start('migration', {
    workflowId: `migration/${at.migration.name}`,
    taskQueue: at.migration.taskQueue,
    args: [{ migration: at.migration.name, ...definition, state: null }],
  });
  await expect(started.result()).rejects.toMatchObject({ cause: { type: 'GateRefused' } });
  expect(await at.stores.legacy.renameLegacyTables(account)).toEqual([]);
  expect(await at.stores.legacy.dropRetired(account)).toEqual([]);
  expect(await legacyTables(at)).toContain('accounts');
});

test('a pause holds the drop until it is resumed', async () => {
  const graceMs = 1_000;
  await using at = await runningMigration('modern-only', {
    entities: [account],
    phases: { dropLegacyAfterMs: graceMs },
  });
  const { control } = at.lockstep;
  const change = at.gates.close('modern', 'writeState');
  const changing = control.send('decommission');
  await change.waiting();
  await control.send('pause');
  change.open();
  const { dropAt } = await changing;
  expect(dropAt).not.toBeNull();
  await until('its time has passed', async () => Date.now() > Date.parse(dropAt ?? '') + graceMs);
  expect(await legacyTables(at)).toContainEqual(expect.stringMatching(retired));
  await control.send('resume');
  await until('it is dropped', async () => (await legacyTables(at)).every((name) => !retired.test(name)));
});

test('decommissioning waits for no legacy store, and renames its tables once it is back', async () => {
  await using at = await runningMigration('modern-only', { entities: [account] });
  const { control } = at.lockstep;
  await at.proxies.legacy.cut();
  const status = await control.send('decommission');
  expect(status).toMatchObject({ phase: 'decommissioned', busy: null, renameAt: expect.any(String) });
  await at.proxies.legacy.restore();
  await until('the tables are renamed', async () => (await at.stores.legacy.retiredTables()).length === 1);
  expect(await legacyTables(at)).not.toContain('accounts');
});
