import { expect, test } from 'vitest';
import type { BackfillInput } from '../../workflows/backfill/run.ts';
import { type BackfillProgress, backfillWorkflowId, setPaused } from '../../workflows/messages.ts';
import type { Gate } from '../support/gate.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

const rows = 6_000;

async function filled(backfillChunk = 100): Promise<RunningMigration> {
  const at = await runningMigration('dual-write', { backfill: { chunkKeys: backfillChunk } });
  const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old ${index + 1}', NULL, 5.00)`);
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);
  return at;
}

const progress = async ({ lockstep }: RunningMigration) => {
  const { backfill } = await lockstep.control.status();
  if (!backfill) throw new Error('there is no backfill');
  return backfill;
};

const copied = async (at: RunningMigration) => {
  const [row] = await at.sql.modern('SELECT count(*) AS n FROM accounts');
  return Number(row?.n);
};

/** So far that some pages are in, and that each range under way waits with its next one. */
async function copying(at: RunningMigration): Promise<Gate> {
  const { backfillParallel } = at.migration.policy;
  const pages = at.gates.close('modern', 'loadPage', { after: backfillParallel });
  await at.lockstep.control.send('advance');
  await pages.waiting(backfillParallel);
  return pages;
}

async function runningActivities(at: RunningMigration): Promise<number> {
  const { raw } = await at.temporal.workflow.getHandle(backfillWorkflowId(at.migration.name)).describe();
  return raw.pendingActivities?.length ?? 0;
}

test('a backfill tells how far it is, holds when it is paused, and goes on at another pace', async () => {
  await using at = await filled();
  const { control } = at.lockstep;
  using pages = await copying(at);
  await control.send('pause');
  await until('no slice is under way', async () => (await runningActivities(at)) === 0);
  pages.open();
  const held = await copied(at);
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThan(rows);
  // The answer comes behind all that the workflow has yet to do.
  expect(await progress(at)).toMatchObject({
    running: true,
    total: rows,
    copied: held,
    refused: 0,
    waiting: null,
  });
  expect(await runningActivities(at)).toBe(0);
  expect(await copied(at)).toBe(held);

  await control.setRate(20_000);
  await control.send('resume');
  await until('the backfill is done', async () => (await progress(at)).done);
  const { entities, ...whole } = await progress(at);
  expect(whole).toMatchObject({
    running: false,
    total: rows,
    copied: rows,
    secondsLeft: null,
    stopped: null,
  });
  expect(whole.bytes).toBeGreaterThan(rows * 10);
  expect(whole.totalBytes).toBe(whole.bytes);
  expect(entities.map(({ entity, done, copied: own }) => [entity, done, own])).toEqual([
    ['account', true, rows],
    ['twin', true, 0],
    ['flagged', true, 0],
  ]);
});

test('a range that is alone has all of the rate', async () => {
  await using at = await filled(rows);
  const { control } = at.lockstep;
  await control.setRate(500);
  await control.send('advance');
  await until('the only range that is left goes at the rate', async () => {
    const { events } = await at.temporal.workflow
      .getHandle(backfillWorkflowId(at.migration.name))
      .fetchHistory()
      .catch(() => ({ events: null }));
    const orders = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled?.activityType?.name === 'copyRange' ? [scheduled.input?.payloads?.[0]?.data] : [],
    );
    return orders.some((data) => JSON.parse(Buffer.from(data ?? []).toString()).keysPerSecond === 500);
  });
  await control.setRate(null);
  await until('the backfill is done', async () => (await progress(at)).done);
});

test('a backfill that is paused when its rows are in does not catch up', async () => {
  await using at = await runningMigration('backfill');
  await until('the backfill is done', async () => (await progress(at)).done);
  const handle = await at.temporal.workflow.start<(input: BackfillInput) => Promise<BackfillProgress>>(
    'backfill',
    {
      workflowId: backfillWorkflowId(at.migration.name),
      taskQueue: at.migration.taskQueue,
      args: [
        {
          migration: at.migration.name,
          entities: ['account'],
          parallel: 1,
          paused: true,
          rate: null,
          resume: true,
          carried: null,
        },
      ],
    },
  );
  const history = async () => (await handle.fetchHistory()).events ?? [];
  // What a workflow task asks for is written with it: nothing can come later.
  await until('the task after the plan is over', async () => {
    const events = await history();
    const planned = events.findIndex((event) => event.activityTaskCompletedEventAttributes);
    return planned >= 0 && events.slice(planned).some((event) => event.workflowTaskCompletedEventAttributes);
  });
  const asked = (await history()).flatMap(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
  );
  expect(asked).toEqual(['planBackfill']);
  await handle.signal(setPaused, false);
  expect(await handle.result()).toMatchObject({ done: true, stopped: null });
});

test('a table that is altered under a backfill stops it, and it goes on from there', async () => {
  await using at = await filled();
  const { control } = at.lockstep;
  using pages = await copying(at);
  await at.sql.modern('ALTER TABLE accounts ADD COLUMN later integer');
  pages.open();
  await until('the backfill has stopped', async () => !(await progress(at)).running);
  const { stopped, copied: before } = await progress(at);
  expect(stopped).toMatch(/account in the modern store were altered.*\+ accounts\.later integer/);
  expect(stopped).not.toMatch(/old \d/);
  expect(before).toBeLessThan(rows);

  const chunks = await at.stores.modern.chunks(at.migration.name, 'account');
  const kept = chunks.reduce((sum, chunk) => sum + chunk.copied, 0);
  await control.startBackfill();
  await until('the backfill is done', async () => (await progress(at)).done);
  // Nothing was looked at twice: what is there already would have been skipped.
  expect(await progress(at)).toMatchObject({ copied: rows, skipped: 0 });
  expect(kept).toBeGreaterThan(0);
  expect(await copied(at)).toBe(rows);
});

test('a store that goes away makes a backfill wait, and says so', async () => {
  await using at = await filled();
  using pages = await copying(at);
  await at.proxies.modern.cut();
  pages.open();
  await until('it says what it waits for', async () =>
    (await progress(at)).waiting?.includes('the modern store'),
  );
  await at.proxies.modern.restore();
  await until('the backfill is done', async () => (await progress(at)).done);
  expect(await progress(at)).toMatchObject({ copied: rows, skipped: 0, waiting: null });
});

test('a backfill that is being started when the migration is resumed does not wait for ever', async () => {
  await using at = await runningMigration('backfill');
  const { control } = at.lockstep;
  const isOver = async () => !(await progress(at)).running;
  await until('the first backfill is over', isOver);
  for (let round = 0; round < 5; round++) {
    await control.send('pause');
    await Promise.all([control.startBackfill(), control.send('resume')]);
    await until('it is over', isOver);
  }
});
