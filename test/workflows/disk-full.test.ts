import { expect, test } from 'vitest';
import { statusLines } from '../../cli/status-lines.ts';
import { serverConditions } from '../../databases/engine/server-conditions.ts';
import { account, newAccount } from '../support/accounts.ts';
import { addFailingTrigger, type ServerError } from '../support/failing-trigger.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, tableOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const rows = 3_000;

const targets: (ServerError & { from: 'mysql' | 'postgresql' })[] = [
  { from: 'mysql', engine: 'PostgreSQL', code: '53100' },
  { from: 'postgresql', engine: 'MariaDB', code: '1114' },
];

const shown = async ({ lockstep: { control } }: RunningMigration) => {
  const status = await control.status();
  return statusLines(status, {
    backlog: await control.backlog(),
    faults: await control.faults(status),
    reads: await control.measuredReads(status),
  }).join('\n');
};

test.each(targets)('a disk of $engine that fills up makes all that it is to take wait', async (target) => {
  await using at = await runningMigration('dual-write', { from: target.from, backfill: { chunkKeys: 100 } });
  const { control } = at.lockstep;
  const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old ${index + 1}', NULL, 5.00)`);
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);
  const chunks = () => at.stores.modern.chunks(at.migration.name, account.name);
  using pages = at.gates.close('modern', 'loadPage');
  await control.send('advance');
  await pages.waiting();
  // There is room for two ranges.
  const room = Number((await chunks())[1]?.upper?.[0]);
  const enlarge = await addFailingTrigger(at.sql.modern, 'accounts', target, room);
  pages.open();
  const accounts = at.lockstep.repository(account);
  const { operationId } = await accounts.create(newAccount());
  await until('all that fits is in', async () => (await chunks()).filter(({ done }) => done).length === 2);
  await until('the room is used up', async () => (await control.status()).backfill?.waiting);
  await until('the live write has been tried', async () => (await control.backlog()).reason);

  const { cause, remedy } = serverConditions.disk;
  const lines = await shown(at);
  expect(lines).toMatch(/pending {3}1 writes, 0 parked/);
  const waits = new RegExp(
    `waiting: the modern store at \\S+ is not available: \\S+ ${target.code} \\(${cause}\\)[^;]*; ${remedy}; resumes automatically`,
    'g',
  );
  // The copy, and the write that is pending.
  expect(lines.match(waits)).toHaveLength(2);
  expect(lines).not.toContain('secret');
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({
    status: 'pending',
    failure: 'StoreUnavailable',
  });
  expect(await at.stores.modern.differences(at.migration.name, 10)).toEqual([]);
  const copied = await expectEveryCheckpointAtItsRows(at);
  expect(await at.sql.modern('SELECT count(*) AS n, max(id) AS last FROM accounts')).toEqual([
    { n: String(copied), last: String(copied) },
  ]);
  expect(copied).toBe(room);

  await enlarge();
  // Nobody has to say so; whoever does not want to wait for the next try may.
  await control.send('resume');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  expect((await control.status()).backfill).toMatchObject({
    refused: 0,
    waiting: null,
    stopped: null,
  });
  await drained(at);
  expect(await control.backlog()).toMatchObject({ pending: 0, parked: 0, reason: null });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect(await at.stores.modern.differences(at.migration.name, 10)).toEqual([]);
});

/** What is copied ends at a cursor; gives how many rows that are. */
async function expectEveryCheckpointAtItsRows(at: RunningMigration): Promise<number> {
  const chunks = await at.stores.modern.chunks(at.migration.name, account.name);
  for (const { lower, cursor, copied, skipped, refused } of chunks) {
    const first = Number(lower?.[0] ?? 0);
    const last = Number(cursor?.[0] ?? first);
    expect({ copied, skipped, refused }).toEqual({ copied: last - first, skipped: 0, refused: 0 });
  }
  return chunks.reduce((sum, { copied }) => sum + copied, 0);
}
