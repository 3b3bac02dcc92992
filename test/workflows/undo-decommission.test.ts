import { expect, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

const asked = { by: 'ada', reason: 'a report still reads it' };

test('until the drop, the legacy tables can have their names back, and be retired again', async () => {
  await using at = await runningMigration('modern-only', {
    entities: [account],
    phases: { dropLegacyAfterMs: 3_600_000 },
  });
  const { control } = at.lockstep;
  const { statements } = await control.preview({ step: 'decommission' });
  expect((await control.send('decommission')).dropAt).not.toBeNull();
  const [retired] = await at.stores.legacy.retiredTables();
  expect(statements.map(({ sql }) => sql)).toEqual([
    expect.stringMatching(/^RENAME TABLE `accounts` TO/),
    expect.stringContaining(`DROP TABLE IF EXISTS \`${retired}\``),
  ]);
  // A name that was taken since is nobody's to take away.
  await at.sql.legacy('CREATE TABLE accounts (id integer PRIMARY KEY)');
  await expect(control.undoDecommission(asked)).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'undo' },
  });
  await at.sql.legacy('DROP TABLE accounts');
  const undone = await control.undoDecommission(asked);
  expect(undone).toMatchObject({ phase: 'modern-only', dropAt: null, renameAt: null });
  expect(undone.history.at(-1)).toMatchObject(asked);
  expect(await at.sql.legacy('SELECT id FROM accounts')).toEqual([]);
  await at.lockstep.repository(account).create(newAccount());
  expect(await control.send('decommission')).toMatchObject({ phase: 'decommissioned' });
  expect(await at.stores.legacy.retiredTables()).toEqual([retired]);
});

test('tables that are being renamed after all are not given back in the middle of it', async () => {
  await using at = await runningMigration('modern-only', {
    entities: [account],
    phases: { dropLegacyAfterMs: 3_600_000 },
  });
  const { control } = at.lockstep;
  await at.proxies.legacy.cut();
  const { renameAt, lastFailure } = await control.send('decommission');
  expect(renameAt).not.toBeNull();
  expect(lastFailure).toContain('rename legacy');
  using renaming = at.gates.close('legacy', 'renameLegacyTables');
  await at.proxies.legacy.restore();
  await renaming.waiting();
  await expect(control.undoDecommission(asked)).rejects.toMatchObject({ details: { gate: 'busy' } });
  renaming.open();
  await until('they are renamed', async () => (await control.status()).dropAt !== null);
  expect(await control.undoDecommission(asked)).toMatchObject({
    phase: 'modern-only',
    renameAt: null,
    dropAt: null,
  });
  expect(await at.sql.legacy('SELECT id FROM accounts')).toEqual([]);
});

test('also when the workflow has ended, because nobody drops them; not once they are dropped', async () => {
  await using at = await runningMigration('modern-only', { entities: [account] });
  const { control } = at.lockstep;
  const handle = () => at.temporal.workflow.getHandle(`migration/${at.migration.name}`);
  const over = () => until('it is over', async () => (await handle().describe()).status.name === 'COMPLETED');
  await control.send('decommission');
  await over();
  expect(await control.undoDecommission(asked)).toMatchObject({ phase: 'modern-only', busy: null });
  expect(await at.sql.legacy('SELECT id FROM accounts')).toEqual([]);
  for (const store of ['legacy', 'modern'] as const)
    expect(await at.stores[store].readState(at.migration.name)).toMatchObject({ phase: 'modern-only' });
  await control.send('decommission');
  await over();
  await at.stores.legacy.dropRetired(account);
  await expect(control.undoDecommission(asked)).rejects.toMatchObject({ details: { gate: 'undo' } });
});

test('the report names what the database knows of the tables', async () => {
  for (const from of ['mysql', 'postgresql'] as const) {
    await using at = await runningMigration('legacy-only', { from, entities: [account] });
    await at.sql.legacy('CREATE VIEW owners AS SELECT owner FROM accounts');
    await at.sql.legacy(
      'CREATE TABLE cards (id integer PRIMARY KEY, holder integer, CONSTRAINT holders FOREIGN KEY (holder) REFERENCES accounts (id))',
    );
    await at.lockstep.repository(account).create(newAccount());
    const use = await at.lockstep.control.legacyUse({ watchMs: 1 });
    expect(use).toMatchObject({ route: 'receives writes', lastWriteAt: expect.any(String) });
    expect(use.tables).toMatchObject([{ table: 'accounts', sessions: expect.any(Number) }]);
    expect(use.tables[0]?.dependents).toEqual([
      { kind: 'foreign key', name: expect.stringContaining('holders of ') },
      { kind: 'view', name: expect.stringContaining('owners') },
    ]);
    if (from === 'postgresql') expect(use.tables[0]?.writes).toBeGreaterThanOrEqual(0);
  }
});
