import { afterAll, beforeAll, expect, test } from 'vitest';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';

/** Numbers in a few dense heaps, far apart: an even spread of ranges puts most rows into few of them. */
let at: RunningMigration;
const heaps = [-2_000_000_000, 0, 1_999_900_000];
const perHeap = 4_000;
beforeAll(async () => {
  at = await runningMigration('dual-write');
  for (const heap of heaps) {
    const values = Array.from({ length: perHeap }, (_, index) => `(${heap + index}, 'old', NULL, 5.00)`);
    for (const store of ['legacy', 'modern'] as const)
      await at.sql[store](`INSERT INTO accounts VALUES ${values.join(', ')}`);
  }
  await advanceTo(at.lockstep, 'dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('every key of skewed numbers is compared once, and what differs is found', async () => {
  const { reconciliation } = at.lockstep;
  const all = heaps.length * perHeap;
  expect(await reconciliation.run()).toMatchObject({ found: 0, evidence: { compared: all } });
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id IN (-2000000000, 17, 1999903999)`);
  await at.sql.modern('DELETE FROM accounts WHERE id = 2000');
  const extra = Array.from({ length: 12_000 }, (_, index) => `(${10_000 + index}, 'extra', NULL, 1.00)`);
  await at.sql.modern(`INSERT INTO accounts VALUES ${extra.join(', ')}`);
  const { found, evidence } = await reconciliation.run();
  expect(found).toBe(12_004);
  expect(evidence?.compared).toBe(all + 12_000);
  const counts = await reconciliation.countDifferences();
  expect(counts.map(({ verdict, count }) => [verdict, count])).toEqual([
    ['extra', 12_000],
    ['mismatch', 3],
    ['missing', 1],
  ]);
});
