import { expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import type { BackfillProgress } from '../../workflows/messages.ts';
import * as messages from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

/** What is said to work in bulk while it is only being started, or is just ending. */

const progress = async ({ lockstep }: RunningMigration) => {
  const { backfill } = await lockstep.control.status();
  if (!backfill) throw new Error('there is no backfill');
  return backfill;
};
const isOver = (at: RunningMigration) => until('it is over', async () => !(await progress(at)).running);
const backfillOf = ({ temporal, migration }: RunningMigration) =>
  temporal.workflow.getHandle(messages.backfillWorkflowId(migration.name));
const migrationOf = ({ temporal, migration }: RunningMigration) =>
  temporal.workflow.getHandle(messages.migrationWorkflowId(migration.name));

async function asked(at: RunningMigration): Promise<string[]> {
  const { events } = await backfillOf(at).fetchHistory();
  return (events ?? []).flatMap(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
  );
}

test('the result of a backfill that has ended is not taken for that of one which is being started', async () => {
  await using at = await runningMigration('backfill', { entities: [account] });
  await isOver(at);
  for (let round = 0; round < 10; round++) {
    const [, started] = await Promise.all([
      migrationOf(at).signal(messages.bulkWorkEnded, 'backfill'),
      at.lockstep.control.startBackfill(),
    ]);
    expect(started.backfill?.finishedAt ?? null).toBeNull();
    const { finishedAt }: BackfillProgress = await backfillOf(at).result();
    await until('its own result is taken', async () => (await progress(at)).finishedAt === finishedAt);
  }
});

test('the result of a backfill that ends while the next is started is not that of the next', async () => {
  await using at = await runningMigration('backfill', { entities: [account] });
  for (let round = 0; round < 10; round++) {
    // As soon as Temporal has it, and before the migration has heard of it.
    await backfillOf(at).result();
    await at.lockstep.control.startBackfill();
    const { finishedAt }: BackfillProgress = await backfillOf(at).result();
    await until('its own result is taken', async () => (await progress(at)).finishedAt === finishedAt);
    await at.lockstep.control.startBackfill();
  }
});

test('whatever several operators say at once, a backfill does what was said last', async () => {
  await using at = await runningMigration('dual-write', {
    entities: [account],
    backfill: { chunkKeys: 5 },
  });
  const { control } = at.lockstep;
  for (let id = 1; id <= 40; id++)
    await at.sql.legacy(`INSERT INTO accounts VALUES (${id}, 'old ${id}', NULL, 5.00)`);
  using pages = at.gates.close('modern', 'loadPage', { after: 1 });
  await control.send('advance');
  await pages.waiting();
  const say = [
    () => control.send('pause'),
    () => control.send('resume'),
    () => control.setRate(100_000),
    () => control.setRate(null),
    () => control.send('resume'),
    () => control.send('rollback'),
    () => control.send('advance'),
    () => control.startBackfill(),
  ];
  const storm = async (size: number) => {
    const said = Array.from({ length: size }, (_, index) => say[(index * 5 + size) % say.length]?.());
    for (const outcome of await Promise.allSettled(said))
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({
          code: expect.stringMatching(/^(GateRefused|AlreadyRunning)$/),
        });
  };
  for (let size = 9; ; size++) {
    await storm(size);
    const { paused, phase } = await control.status();
    if (!paused && phase === 'backfill') break;
    await control.send('resume');
    await control.send('advance').catch(() => undefined);
  }
  pages.open();
  await isOver(at);
  expect(await progress(at)).toMatchObject({ done: true, stopped: null });
  expect(await at.sql.modern('SELECT count(*) AS n FROM accounts')).toEqual([{ n: '40' }]);
});

test('a pause also holds what a backfill does when its rows are in', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const { control } = at.lockstep;
  using catchUp = at.gates.close('legacy', 'recorded');
  await control.send('advance');
  await catchUp.waiting();
  await control.send('pause');
  catchUp.open();
  await until('the task after it is over', async () => {
    const events = (await backfillOf(at).fetchHistory()).events ?? [];
    const ordered = events.findIndex(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'catchUp',
    );
    const done = events.findIndex(
      (event, index) => index > ordered && event.activityTaskCompletedEventAttributes,
    );
    return (
      ordered >= 0 &&
      done >= 0 &&
      events.slice(done).some((event) => event.workflowTaskCompletedEventAttributes)
    );
  });
  expect((await asked(at)).at(-1)).toBe('catchUp');
  await control.send('resume');
  await isOver(at);
  expect((await asked(at)).slice(-2)).toEqual(['retryRefused', 'primeSequences']);
});

test('a backfill that stops before it has forgotten old checkpoints does not go on from them', async () => {
  await using at = await runningMigration('backfill', { entities: [account] });
  const { control } = at.lockstep;
  await isOver(at);
  await control.send('rollback');
  await control.send('rollback');
  await at.sql.legacy("INSERT INTO accounts VALUES (7, 'meanwhile', NULL, 5.00)");
  await control.send('advance');
  at.faults.modern.clearChunks = async () => {
    throw new LockstepError('InvalidDefinition', 'the account may not delete checkpoints');
  };
  await control.send('advance');
  await isOver(at);
  expect(await progress(at)).toMatchObject({ done: false, stopped: expect.stringContaining('may not') });
  delete at.faults.modern.clearChunks;
  await control.startBackfill();
  await isOver(at);
  expect(await progress(at)).toMatchObject({ done: true, copied: 1 });
});

test('a backfill that is cancelled by hand is not awaited for ever', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const { control } = at.lockstep;
  using catchUp = at.gates.close('legacy', 'recorded');
  await control.send('advance');
  await catchUp.waiting();
  await backfillOf(at).cancel();
  catchUp.open();
  await isOver(at);
  expect(await progress(at)).toMatchObject({ done: false, stopped: expect.stringMatching(/cancel/i) });
  await control.startBackfill();
  await isOver(at);
  expect(await progress(at)).toMatchObject({ done: true });
});
