import { afterAll, beforeAll, expect, test } from 'vitest';
import { latestPoll } from '../../client/operator/attended.ts';
import { type CheckResult, examine } from '../../client/operator/doctor.ts';
import { prepareStores } from '../../client/operator/prepare.ts';
import { account } from '../support/accounts.ts';
import { connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';
import { until } from '../support/until.ts';

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

test('doctor does not take a worker that has ended for one that runs, although Temporal lists it still', async () => {
  expect(await latestPoll(at.temporal, at.migration.taskQueue)).not.toBe(null);
  const ended = await workerIn(at);
  expect(ended).toMatchObject({
    code: 3,
    ok: false,
    found: expect.stringMatching(
      /no worker answers for migration .*the last one that asked for work on .* did so \d+ s ago, and has ended or hangs; its log says why/,
    ),
  });
  await using _ = { [Symbol.asyncDispose]: () => worker.shutdown() };
  const worker = await at.work();
  expect(await workerIn(at)).toMatchObject({ code: 0, ok: true, found: `answers for ${at.migration.name}` });
});

test('doctor says that a worker of another task queue does not do the work of this configuration', async () => {
  await using _ = { [Symbol.asyncDispose]: () => worker.shutdown() };
  const worker = await at.work();
  const other = { ...at.migration, taskQueue: `${at.migration.taskQueue}-2` };
  const found = (await examine(other, at.environment)).find(({ check }) => check === 'worker');
  expect(found).toMatchObject({
    ok: false,
    found: expect.stringMatching(
      /was started on the task queue lockstep-test-\w+, and this configuration names lockstep-test-\w+-2, .*; none has asked for work/,
    ),
  });
  expect(found?.found.match(/was started on/g)).toHaveLength(1);
});

test('doctor praises no worker that refused to start before the migration was started', async () => {
  await using unstarted = await fixture();
  const worker = await unstarted.work();
  await until('Temporal knows of it', () => latestPoll(unstarted.temporal, unstarted.migration.taskQueue));
  await worker.shutdown();
  await prepareStores({ ...unstarted.migration, entities: [account] }, unstarted.environment);
  await expect(unstarted.work()).rejects.toMatchObject({ code: 'DefinitionChanged' });
  expect(await workerIn(unstarted)).toMatchObject({
    found: expect.stringMatching(
      /the last one that asked for work on .* s ago; whether it runs still is not known/,
    ),
  });
});

async function workerIn(fixture: Fixture) {
  const { code, stdout } = await lockstep(['doctor', '--json'], environmentOf(fixture));
  const { findings } = JSON.parse(stdout) as { findings: CheckResult[] };
  return { code, ...findings.find(({ check }) => check === 'worker') };
}

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
