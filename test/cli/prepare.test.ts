import { expect, test } from 'vitest';
import { fixture } from '../support/harness.ts';
import { environmentOf, lockstep, workerProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

test('from unprepared stores to a running migration, by commands alone', async () => {
  await using at = await fixture();
  const environment = environmentOf(at);
  const run = (...args: string[]) => lockstep([...args, '--json'], environment);
  await at.sql.modern('DROP SCHEMA lockstep CASCADE');
  const early = await workerProcess(environment);
  await until('it has told', async () => early.log().includes('run lockstep prepare'));
  expect(await early.stop()).toBe(0);
  expect(await run('status')).toMatchObject({ code: 3, stdout: expect.stringContaining('lockstep prepare') });

  const dry = await run('prepare', '--dry-run');
  expect(dry.code).toBe(0);
  expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true });
  expect(await run('status')).toMatchObject({ code: 3 });
  expect(await run('prepare', '--yes')).toMatchObject({ code: 0 });
  expect(await run('prepare', '--yes')).toMatchObject({ code: 0 });

  const worker = await workerProcess(environment);
  try {
    const started = await run('start', '--yes');
    expect(started.code).toBe(0);
    expect(JSON.parse(started.stdout)).toMatchObject({ phase: 'legacy-only', epoch: 1 });
    expect(await run('start', '--yes')).toMatchObject({ code: 1 });
  } finally {
    expect(await worker.stop()).toBe(0);
  }
  for (const url of [environment.LOCKSTEP_LEGACY_URL, environment.LOCKSTEP_MODERN_URL]) {
    expect(worker.log()).not.toContain(new URL(url ?? '').password);
  }
});
