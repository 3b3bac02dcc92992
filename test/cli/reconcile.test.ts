import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
  await at.sql.legacy(`INSERT INTO accounts VALUES (7001, 'nobody must read this', NULL, 5.00)`);
});
/** The row is not in modern, and that is known. */
beforeEach(async () => {
  await at.sql.modern('DELETE FROM accounts');
  await at.lockstep.reconciliation.run();
});
afterAll(() => at?.[Symbol.asyncDispose]());

const run = (...args: string[]) => lockstep(args, environmentOf(at));

test('reconcile reports without asking, and exits with 2 while something differs', async () => {
  const { code, stdout } = await run('reconcile', '--json');
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    found: 1,
    repaired: 0,
    evidence: { compared: 1, differences: 1 },
  });
});

test('differences are shown without keys and rows, and keys at a terminal only', async () => {
  const shown = await run('differences', '--json');
  expect(shown.code).toBe(2);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    counts: [{ entity: 'account', verdict: 'missing', count: 1 }],
    groups: [
      { entity: 'account', verdict: 'missing', count: 1, reason: 'the secondary does not have the key' },
    ],
  });
  const text = await run('differences');
  for (const output of [shown.stdout, text.stdout]) expect(output).not.toMatch(/7001|nobody must read this/);
  const refused = await run('differences', '--keys', '--json');
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain('at a terminal only');
});

test('a repair asks first, and leaves nothing', async () => {
  expect((await run('reconcile', '--repair', '--json')).code).toBe(1);
  const { code, stdout } = await run('reconcile', '--repair', '--entity', 'account', '--yes', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ found: 1, repaired: 1 });
  expect((await run('differences')).code).toBe(0);
});

test('a schedule is made, and ended', async () => {
  expect((await run('reconcile', '--every', 'soon', '--yes')).code).toBe(1);
  const standing = await run('reconcile', '--repair', '--from', 'modern', '--every', '6h', '--yes');
  expect(standing.stderr).toContain('a schedule takes none');
  expect((await run('reconcile', '--from', 'modern', '--yes')).stderr).toContain('pass --repair too');
  const made = await run('reconcile', '--every', '6h', '--yes', '--json');
  expect(JSON.parse(made.stdout)).toMatchObject({ scheduled: true, everyMs: 21_600_000 });
  const ended = await run('reconcile', '--no-schedule', '--yes', '--json');
  expect(JSON.parse(ended.stdout)).toEqual({ scheduled: false, ended: true });
});

test('prepare makes and removes the triggers of capture', async () => {
  const dry = await run('prepare', '--capture', '--dry-run');
  expect(dry.stdout).toContain('lockstep_capture_account');
  expect((await run('prepare', '--capture', '--yes')).code).toBe(0);
  await at.sql.legacy(`UPDATE accounts SET owner = 'around' WHERE id = 7001`);
  expect(await at.stores.legacy.captured(10)).toMatchObject([{ entity: 'account', key: ['7001'] }]);
  expect((await run('prepare', '--no-capture', '--yes')).code).toBe(0);
  await at.sql.legacy(`UPDATE accounts SET owner = 'unseen' WHERE id = 7001`);
  expect((await at.stores.legacy.captured(10)).length).toBeLessThanOrEqual(1);
});
