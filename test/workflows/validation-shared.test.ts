import { expect, test } from 'vitest';
import { invoice } from '../databases/entities.ts';
import { tables } from '../databases/tables.ts';
import { advanceTo, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

const legacyRow = (number: string, customer: number, name: string) =>
  `('${number}', '2026-01-01', ${customer}, '${name}', 'Here', 1, 'thing', 1)`;

test('copies of a shared record that disagree in legacy are ambiguous, a lost change is a mismatch', async () => {
  await using at = await runningMigration('dual-write', {
    entities: [invoice],
    tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL },
  });
  const { control } = at.lockstep;
  await at.sql.legacy(
    `INSERT INTO invoice_rows VALUES ${[
      legacyRow('a1', 1, 'Ann'),
      legacyRow('a2', 1, 'Anne'),
      legacyRow('b1', 2, 'Bob'),
      legacyRow('b2', 2, 'Bob'),
      legacyRow('c1', 3, 'Cid'),
      // One to the column, whose collation leaves case aside; two to us.
      legacyRow('d1', 4, 'Dora'),
      legacyRow('d2', 4, 'DORA'),
    ].join(', ')}`,
  );
  await advanceTo(at.lockstep, 'validate');
  const { evidence } = await until('there is evidence', async () => {
    const status = await control.status();
    return status.evidence && status;
  });
  expect(evidence).toMatchObject({ differences: 0, ambiguous: 2, compared: 7 });

  await at.sql.modern(`UPDATE customers SET name = 'Robert' WHERE id = 2`);
  await at.sql.modern(`UPDATE invoice_lines SET quantity = 2 WHERE invoice_number = 'c1'`);
  await control.startValidation({ sample: null, seed: 1 });
  const second = await until('the validation is over', async () => {
    const status = await control.status();
    return !status.validating && status.evidence;
  });
  expect(second).toMatchObject({ differences: 3, ambiguous: 2 });
  const found = await at.stores.legacy.differences(at.migration.name, 10);
  expect(found.map(({ key, verdict, reason }) => [key[0], verdict, reason]).sort()).toEqual([
    [expect.stringMatching(/^a[12]$/), 'ambiguous', expect.any(String)],
    ['b1', 'mismatch', 'shared record customer'],
    ['b2', 'mismatch', 'shared record customer'],
    ['c1', 'mismatch', 'fields lines'],
    [expect.stringMatching(/^d[12]$/), 'ambiguous', expect.any(String)],
  ]);

  // No row tells of it in either store: only the records do.
  await at.lockstep.repository(invoice).delete('a1', { ack: 'both' });
  await at.sql.modern(`DELETE FROM lockstep.records WHERE record_key = '["a1"]'`);
  await at.lockstep.reconciliation.run();
  const known = await at.lockstep.reconciliation.differences(10);
  expect(known.map(({ key, verdict, reason }) => [key[0], verdict, reason])).toContainEqual([
    'a1',
    'stale',
    'the key is deleted, but the secondary has an older tombstone or none',
  ]);
});
