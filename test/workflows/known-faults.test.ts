import { expect, test } from 'vitest';
import type { Difference } from '../../databases/contract/comparison.ts';
import { account, refusedByModern } from '../support/accounts.ts';
import { validate } from '../support/advance.ts';
import { advanceTo, runningMigration } from '../support/harness.ts';
import { rowsOf, tableOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const ids = Array.from({ length: 400 }, (_, index) => index + 1);
const values = ids.map(
  (id) => `(${id}, 'old ${id}', NULL, ${id === 77 || id === 333 ? refusedByModern : '5.00'})`,
);

test('rows that a store has refused hold every gate, whatever a sample says, until they are in', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const { control, reconciliation } = at.lockstep;
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);
  await control.send('advance');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  const refused = (gate: string) =>
    expect(control.send('advance')).rejects.toMatchObject({
      code: 'GateRefused',
      details: {
        gate,
        measured: { differences: 2, refused: 2 },
        remedy: expect.stringContaining('reconcile'),
      },
    });
  await refused('validate');
  expect(await reconciliation.countDifferences()).toEqual([
    { entity: 'account', verdict: 'refused', count: 2 },
  ]);
  // The target has written them down, and is asked too.
  expect(await reconciliation.groupedDifferences({ groups: 5, keys: 1 })).toMatchObject([
    {
      entity: 'account',
      verdict: 'refused',
      count: 2,
      reason: expect.stringContaining('accounts_limit'),
      keys: [[expect.stringMatching(/^(77|333)$/)]],
    },
  ]);

  // Comparing again keeps what is known, with the reason, wherever it was written down.
  for (const sample of [1, null]) {
    await control.startValidation({ sample, seed: 1 });
    await until('the validation is over', async () => !(await control.status()).validating);
    await refused('validate');
    expect(await reconciliation.differences(10)).toMatchObject([
      { key: ['333'], verdict: 'refused', reason: expect.stringContaining('accounts_limit') },
      { key: ['77'], verdict: 'refused', reason: expect.stringContaining('accounts_limit') },
    ]);
  }
  expect(await reconciliation.run({ repair: true })).toMatchObject({ repaired: 0 });
  await refused('validate');

  await at.sql.legacy('UPDATE accounts SET balance = 999 WHERE id IN (77, 333)');
  expect(await reconciliation.run({ repair: true })).toMatchObject({ repaired: 2 });
  expect(await reconciliation.differences(10)).toEqual([]);
  await advanceTo(at.lockstep, 'validate');
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
});

test('what is found later holds the gates after it, also after the primary has changed', async () => {
  await using at = await runningMigration('switch-reads', { entities: [account] });
  const { control } = at.lockstep;
  for (const store of ['legacy', 'modern'] as const)
    await at.sql[store](`INSERT INTO accounts VALUES (1, 'same', NULL, 5.00)`);
  const known: Difference = { entity: 'account', key: ['1'], verdict: 'mismatch', reason: 'fields owner' };
  await at.stores.modern.recordDifferences(at.migration.name, [known]);
  await control.setReadPercent(100);
  const refused = (gate: string, step: 'advance' | 'decommission' = 'advance') =>
    expect(control.send(step)).rejects.toMatchObject({
      details: { gate, measured: { differences: 1 } },
    });
  await refused('switch-primary');
  // They are equal: looking again is enough.
  expect(await validate(control)).toMatchObject({ evidence: { differences: 0 } });
  expect(await control.send('advance')).toMatchObject({ phase: 'switch-primary' });

  await at.stores.legacy.recordDifferences(at.migration.name, [known]);
  await refused('modern-only');
  await validate(control);
  expect(await control.send('advance')).toMatchObject({ phase: 'modern-only' });
  await at.stores.legacy.recordDifferences(at.migration.name, [known]);
  await refused('decommissioned', 'decommission');
  expect(await rowsOf(at, 'accounts', 1)).toMatchObject([{ owner: 'same' }, { owner: 'same' }]);
});
