import { expect, test } from 'vitest';
import { fixture } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';

test('plan tells how each entity would be copied, and changes nothing', async () => {
  await using at = await fixture();
  await at.sql.legacy(`INSERT INTO accounts VALUES (1, 'Ada', NULL, 1.00), (2, 'Bea', NULL, 2.00)`);
  await at.sql.modern('CREATE INDEX accounts_owner ON accounts (owner)');
  await at.sql.modern('DROP SCHEMA lockstep CASCADE');
  const { code, stdout } = await lockstep(['plan', '--json'], environmentOf(at));
  expect(code).toBe(0);
  const plan = JSON.parse(stdout);
  expect(plan).toMatchObject({ from: 'legacy', to: 'modern', slowLoadReason: null });
  expect(plan.entities[0]).toEqual({
    entity: 'account',
    keys: 2,
    ranges: 1,
    way: 'rows',
    converted: [],
    indexesForLater: [expect.stringContaining('CREATE INDEX accounts_owner ON')],
    unfit: null,
  });
  expect(plan.prepareStatements.modern).toBeGreaterThan(0);
  expect(await at.sql.modern(`SELECT nspname FROM pg_namespace WHERE nspname = 'lockstep'`)).toEqual([]);
  const text = await lockstep(['plan'], environmentOf(at));
  expect(text.stdout).toContain('index that can be created after the copy: CREATE INDEX accounts_owner');
  expect(text.stdout).toContain('with prepare --capture, TRUNCATE fires no trigger');
  await at.sql.modern('ALTER TABLE accounts ALTER owner TYPE varchar(3)');
  await at.sql.legacy(`INSERT INTO accounts VALUES (3, 'Agatha', NULL, 1.00), (4, 'Bertha', NULL, 2.00)`);
  const scanned = await lockstep(['plan', '--scan'], environmentOf(at));
  expect(scanned.stdout).toContain('2 rows: accounts.owner is longer than character varying(3)');
  expect(scanned.stdout).toContain('every row fits');
});
