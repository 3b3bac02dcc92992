import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';

let at: Fixture;
beforeAll(async () => {
  at = await fixture();
  const worker = await at.work();
  await connectAndStart(at);
  await worker.shutdown();
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('status says that no worker answers, with the remedy, and shows what the stores know', async () => {
  const [told, json] = await Promise.all([
    lockstep(['status'], environmentOf(at)),
    lockstep(['status', '--json'], environmentOf(at)),
  ]);
  expect(told.code).toBe(1);
  expect(told.stdout).toContain('[legacy-only]');
  expect(told.stdout).toContain('pending   0 writes');
  expect(told.stdout).toMatch(/problem {3}no worker answers for migration .*lockstep worker/);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    migration: at.migration.name,
    error: { code: 'NoWorker', remedy: 'lockstep worker' },
    stores: { state: { phase: 'legacy-only', open: true }, setBack: [], differences: 0 },
    backlog: { pending: 0 },
    problems: [expect.stringContaining('no worker answers')],
  });
});

test.each([
  ['advance', '--yes'],
  ['advance', '--dry-run'],
  ['rollback', '--yes'],
  ['pause', '--yes'],
  ['apply', '--yes'],
  ['validate', '--yes'],
  ['journal', 'retry', '--yes'],
  ['reconcile', '--yes'],
])('%s %s does not wait for a worker that is not there', async (...args) => {
  const told = await lockstep([...args, '--json'], environmentOf(at));
  expect(told.code).toBe(1);
  expect(JSON.parse(told.stdout)).toMatchObject({
    error: { code: 'NoWorker', message: expect.stringContaining('no worker answers for migration') },
  });
});
