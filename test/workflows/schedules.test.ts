import { afterAll, beforeAll, expect, test } from 'vitest';
import { setCapture } from '../../client/operator/capture.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { transactionalFixture } from '../support/transactions.ts';
import { until } from '../support/until.ts';

const hourMs = 3_600_000;
let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('modern-only', {
    ...transactionalFixture,
    journal: { retryEveryMs: hourMs, pruneEveryMs: hourMs },
  });
});
afterAll(() => at?.[Symbol.asyncDispose]());

async function scheduled(): Promise<string[]> {
  const found: string[] = [];
  for await (const { scheduleId } of at.temporal.schedule.list()) {
    const [kind = '', name] = scheduleId.split('/');
    if (name === at.migration.name) found.push(kind);
  }
  return found.sort();
}

test('a migration that is over leaves no schedule behind, and a worker that starts later makes none', async () => {
  await setCapture(at.temporal, at.migration, at.environment, true);
  await at.lockstep.reconciliation.schedule(hourMs);
  await at.work();
  const all = ['journal-prune', 'journal-retry', 'reconcile', 'recover', 'replicate-captured'];
  await until('all are listed', async () => (await scheduled()).join() === all.join());

  await at.lockstep.control.send('decommission');
  await at.temporal.workflow.getHandle(`migration/${at.migration.name}`).result();
  await until('none is left', async () => (await scheduled()).length === 0);

  const triggers = await at.sql.modern('SELECT tgname FROM pg_trigger WHERE NOT tgisinternal');
  expect(triggers).toEqual([]);

  await at.work();
  const recovery = at.temporal.schedule.getHandle(`recover/${at.migration.name}`);
  await expect(recovery.describe()).rejects.toThrow();
});
