import { afterAll, beforeAll, expect, test } from 'vitest';
import { setCapture } from '../../client/operator/capture.ts';
import { removeSchedules } from '../../client/operator/schedules.ts';
import { searchAttributesOf } from '../../client/temporal/search-attributes.ts';
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

const all = ['journal-prune', 'journal-retry', 'recover', 'replicate-captured'];

/** Of this migration, but for the one that leads it. */
async function runningBeside(): Promise<string[]> {
  const query = `LockstepMigration = '${at.migration.name}' AND ExecutionStatus = 'Running'`;
  const found: string[] = [];
  for await (const { workflowId, type } of at.temporal.workflow.list({ query }))
    if (type !== 'migration') found.push(workflowId);
  return found;
}

test('a start brings all schedules back; a migration that is over leaves nothing behind, nor does a later worker', async () => {
  await setCapture(at.temporal, at.migration, at.environment, true);
  // As a Temporal that has lost everything: a start brings back what the stores and the configuration say.
  await removeSchedules(at.temporal, at.migration.name);
  await until('none is left', async () => (await scheduled()).length === 0);
  await at.temporal.workflow.getHandle(`migration/${at.migration.name}`).terminate('lost');
  await at.lockstep.control.start();
  await until('all are listed', async () => (await scheduled()).join() === all.join());

  await at.lockstep.reconciliation.schedule(hourMs);
  await at.work();
  const withReconciliation = [...all, 'reconcile'].sort();
  await until('all are listed', async () => (await scheduled()).join() === withReconciliation.join());
  // A run of a schedule goes on for many rounds, and bulk work for hours.
  await until('recovery is under way', async () =>
    (await runningBeside()).some((id) => id.startsWith('recover/')),
  );
  await at.temporal.workflow.start('validate', {
    workflowId: `validate/${at.migration.name}`,
    taskQueue: 'nobody-works-here',
    typedSearchAttributes: searchAttributesOf(at.migration.name),
  });

  await at.lockstep.control.send('decommission');
  await at.temporal.workflow.getHandle(`migration/${at.migration.name}`).result();
  await until('none is left', async () => (await scheduled()).length === 0);
  const validation = at.temporal.workflow.getHandle(`validate/${at.migration.name}`);
  const { events } = await validation.fetchHistory();
  expect(events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
  await validation.terminate('it has no worker that could end it');
  await until('nothing else is running', async () => (await runningBeside()).length === 0);

  const triggers = await at.sql.modern('SELECT tgname FROM pg_trigger WHERE NOT tgisinternal');
  expect(triggers).toEqual([]);

  await at.work();
  const recovery = at.temporal.schedule.getHandle(`recover/${at.migration.name}`);
  await expect(recovery.describe()).rejects.toThrow();
});
