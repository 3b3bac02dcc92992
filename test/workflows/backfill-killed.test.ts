import { expect, test } from 'vitest';
import { backfillWorkflowId, setBackfillRate } from '../../workflows/messages.ts';
import { account, refusedByModern } from '../support/accounts.ts';
import { advanceTo, connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { drained, tableOf } from '../support/inspect.ts';
import { environmentOf, workerProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { expectedRows, write } from '../support/writers.ts';

const rows = 4_000;

test('a backfill whose worker is killed twice under writers copies every row once', async () => {
  await using at = await fixture({ backfill: { chunkKeys: 20 } });
  const values = Array.from({ length: rows }, (_, index) => {
    const balance = index === 1_233 ? refusedByModern : '5.00';
    return `(${index + 1}, 'old ${index + 1}', NULL, ${balance})`;
  });
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);

  let worker = await workerProcess(environmentOf(at));
  try {
    const lockstep = await connectAndStart(at);
    const { control } = lockstep;
    await advanceTo(lockstep, 'dual-write');
    const accounts = lockstep.repository(account);
    const writers = write(accounts, { writers: 2 });
    const changing = changeOldRows();
    // Where a row is held, its range cannot go on.
    const held = [await hold(at, 900), await hold(at, 3_100)];
    await control.send('advance');

    const chunks = () => at.stores.modern.chunks(at.migration.name, 'account');
    const looked = async () =>
      (await chunks()).reduce((sum, { copied, skipped, refused }) => sum + copied + skipped + refused, 0);
    for (const [index, release] of held.entries()) {
      const share = (index + 1) * 0.2;
      await until(`${share * 100} % are copied`, async () => (await looked()) > rows * share);
      await worker.kill();
      expect((await chunks()).every(({ done }) => done)).toBe(false);
      await release();
      worker = await workerProcess(environmentOf(at));
    }
    await until('the backfill is done', async () => (await control.status()).backfill?.done);
    const changed = await changing.stop();
    const promised = await writers.stop();
    expect(promised.failures).toEqual([]);
    await drained(at);

    const legacy = await tableOf(at, 'legacy', 'accounts');
    const expected = legacy.filter(({ id }) => id !== '1234');
    expect(await tableOf(at, 'modern', 'accounts')).toEqual(expected);
    expect(expected.slice(rows - 1)).toEqual(expectedRows(promised));
    for (const [id, owner] of changed) expect(legacy[id - 1]).toMatchObject({ id: String(id), owner });

    for (const { lower, upper, done, ...counts } of await chunks()) {
      expect(done).toBe(true);
      const first = Number(lower?.[0] ?? 0);
      const last = Number(upper?.[0] ?? Number.POSITIVE_INFINITY);
      const seen = counts.copied + counts.skipped + counts.refused;
      if (upper !== null) expect(seen).toBe(last - first);
      else expect(seen).toBeGreaterThanOrEqual(rows - first);
      expect(counts.refused).toBe(first < 1234 && 1234 <= last ? 1 : 0);
    }
    expect(await at.stores.modern.differences(at.migration.name, 10)).toEqual([
      {
        entity: 'account',
        key: ['1234'],
        verdict: 'refused',
        reason: expect.stringContaining('accounts_limit'),
      },
    ]);
    expect((await control.status()).backfill).toMatchObject({ refused: 1, running: false });

    /** Updates rows that the backfill is about to meet, or has just met. */
    function changeOldRows() {
      const owners = new Map<number, string>();
      let stopped = false;
      const work = async () => {
        for (let turn = 1; !stopped; turn++) {
          const id = ((turn * 617) % rows) + 1;
          if (id === 1234) continue;
          await accounts.update(id, { owner: `changed ${turn}` });
          owners.set(id, `changed ${turn}`);
        }
      };
      const done = work();
      return {
        async stop() {
          stopped = true;
          await done;
          return owners;
        },
      };
    }
  } finally {
    await worker.kill();
  }
});

test('a backfill that is told something after its worker was killed goes on', async () => {
  await using at = await fixture();
  const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old ${index + 1}', NULL, 5.00)`);
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);
  let worker = await workerProcess(environmentOf(at));
  try {
    const lockstep = await connectAndStart(at);
    await advanceTo(lockstep, 'dual-write');
    const release = await hold(at, 1);
    await lockstep.control.send('advance');
    const workflowId = backfillWorkflowId(at.migration.name);
    const backfill = at.temporal.workflow.getHandle(workflowId);
    await until('a range is being copied', async () => {
      const { raw } = await backfill.describe();
      return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'copyRange');
    });
    await worker.kill();
    await release();
    // The next worker hears of it before the loss of the first is noticed.
    await at.temporal.workflowService.resetStickyTaskQueue({
      namespace: at.temporal.options.namespace,
      execution: { workflowId },
    });
    await backfill.signal(setBackfillRate, null);
    worker = await workerProcess(environmentOf(at));
    await until('the backfill is done', async () => (await lockstep.control.status()).backfill?.done);
    expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  } finally {
    await worker.kill();
  }
});

/** Keeps a row from being put into modern, until it is let go. */
async function hold(at: Fixture, id: number): Promise<() => Promise<void>> {
  const blocker = await at.another('modern');
  await blocker.rows('BEGIN');
  await blocker.rows(`INSERT INTO accounts VALUES (${id}, 'held', NULL, 1.00)`);
  return async () => {
    await blocker.rows('ROLLBACK');
  };
}
