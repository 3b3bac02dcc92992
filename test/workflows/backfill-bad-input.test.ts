import { expect, test } from 'vitest';
import { statusLines } from '../../cli/status-lines.ts';
import type { BackfillInput } from '../../workflows/backfill/run.ts';
import { backfillWorkflowId } from '../../workflows/messages.ts';
import { account, refusedByModern } from '../support/accounts.ts';
import type { Gate } from '../support/gate.ts';
import {
  advanceTo,
  type FixtureOptions,
  fixture,
  type RunningMigration,
  runningMigration,
} from '../support/harness.ts';
import { tableOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const rows = 3_000;

function values(balanceOf: (id: number) => string = () => '5.00'): string {
  const list = Array.from(
    { length: rows },
    (_, at) => `(${at + 1}, 'old ${at + 1}', NULL, ${balanceOf(at + 1)})`,
  );
  return `INSERT INTO accounts VALUES ${list.join(', ')}`;
}

async function filled(options: FixtureOptions = {}): Promise<RunningMigration> {
  const at = await runningMigration('dual-write', { backfill: { chunkKeys: 100 }, ...options });
  await at.sql.legacy(values());
  return at;
}

const progress = async ({ lockstep }: RunningMigration) => {
  const { backfill } = await lockstep.control.status();
  if (!backfill) throw new Error('there is no backfill');
  return backfill;
};

const shown = async ({ lockstep: { control } }: RunningMigration) => {
  const status = await control.status();
  return statusLines(status, {
    backlog: await control.backlog(),
    faults: await control.faults(status),
    reads: await control.measuredReads(status),
  }).join('\n');
};

/** So far that some pages are in, and that each range under way waits with its next one. */
async function copying(at: RunningMigration): Promise<Gate> {
  const { backfillParallel } = at.migration.policy;
  const pages = at.gates.close('modern', 'loadPage', { after: backfillParallel });
  await at.lockstep.control.send('advance');
  await pages.waiting(backfillParallel);
  return pages;
}

async function stopped(at: RunningMigration): Promise<string> {
  await until('the backfill has stopped', async () => !(await progress(at)).running);
  await expectWhatCheckpointsSay(at);
  return await shown(at);
}

/** Nothing is half-written: every row that is there stands behind a checkpoint that counts it. */
async function expectWhatCheckpointsSay(at: RunningMigration): Promise<void> {
  const chunks = await at.stores.modern.chunks(at.migration.name, account.name);
  const copied = chunks.reduce((sum, chunk) => sum + chunk.copied, 0);
  expect(await at.sql.modern('SELECT count(*) AS n FROM accounts')).toEqual([{ n: String(copied) }]);
  expect(copied).toBeLessThan(rows);
}

async function completed(at: RunningMigration): Promise<void> {
  await at.lockstep.control.startBackfill();
  await until('the backfill is done', async () => (await progress(at)).done);
  expect(await progress(at)).toMatchObject({ copied: rows, skipped: 0, refused: 0, stopped: null });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
}

test('a table without a usable key is refused at the start, and taken when it has one', async () => {
  await using at = await fixture();
  await at.work();
  await at.sql.legacy(values());
  const lockstep = await at.connect();
  await at.sql.legacy('ALTER TABLE accounts DROP PRIMARY KEY, DROP INDEX accounts_email');
  await expect(at.connect()).rejects.toMatchObject({ code: 'InvalidDefinition' });
  const refused = {
    code: 'InvalidDefinition',
    message: expect.stringMatching(/legacy\.accounts.*\(id\) is not unique.*create one/),
  };
  await expect(lockstep.control.start()).rejects.toMatchObject(refused);
  await expect(lockstep.control.status()).rejects.toMatchObject(refused);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual([]);

  await at.sql.legacy('ALTER TABLE accounts ADD PRIMARY KEY (id)');
  await lockstep.control.start();
  await advanceTo(lockstep, 'validate');
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
});

test.each([
  {
    what: 'loses its key',
    alter: 'ALTER TABLE accounts DROP PRIMARY KEY, DROP INDEX accounts_email',
    why: /account in the legacy store were altered.*- accounts unique \(id\)/,
    mend: 'ALTER TABLE accounts ADD PRIMARY KEY (id), ADD UNIQUE accounts_email (email)',
  },
  {
    what: 'gets a key of another type',
    alter: 'ALTER TABLE accounts MODIFY id VARCHAR(20) NOT NULL',
    why: /account in the legacy store were altered.*- accounts\.id int\S* not null.*\+ accounts\.id varchar\(20\) not null/,
    mend: 'ALTER TABLE accounts MODIFY id INT NOT NULL',
  },
])(
  'a table that $what under a backfill stops it, and it goes on when it is as before',
  async ({ alter, why, mend }) => {
    await using at = await filled();
    using pages = await copying(at);
    await at.sql.legacy(alter);
    pages.open();
    const lines = await stopped(at);
    expect(lines).toMatch(why);
    expect(lines).toMatch(/lockstep backfill: it goes on where it stopped/);
    await at.sql.legacy(mend);
    await completed(at);
  },
);

test('a table that is altered while a backfill continues as new stops it too', async () => {
  await using at = await filled();
  using pages = at.gates.close('modern', 'loadPage');
  await at.lockstep.control.send('advance');
  const workflowId = backfillWorkflowId(at.migration.name);
  await pages.waiting();
  await at.temporal.workflow.getHandle(workflowId).terminate('to be continued');
  const fingerprints = {
    legacy: await at.stores.legacy.fingerprint(account),
    modern: await at.stores.modern.fingerprint(account),
  };
  await at.sql.legacy('ALTER TABLE accounts ADD COLUMN later integer');
  const continued: BackfillInput = {
    migration: at.migration.name,
    entities: [account.name],
    parallel: 1,
    paused: false,
    rate: null,
    carried: { startedAt: new Date().toISOString(), throttledMs: 0, fingerprints: { account: fingerprints } },
  };
  pages.open();
  const { stopped: why } = await at.temporal.workflow.execute('backfill', {
    workflowId,
    taskQueue: at.migration.taskQueue,
    args: [continued],
  });
  expect(why).toMatch(/account in the legacy store were altered.*\+ accounts\.later int/);
});

test('rows that change their keys under a backfill are found, keep reads where they are, and are repaired', async () => {
  await using at = await filled();
  const { control, reconciliation } = at.lockstep;
  using pages = await copying(at);
  const [first] = await at.sql.modern('SELECT min(id) AS id FROM accounts');
  const moved = Number(first?.id);
  // Behind where the copy stands, so that it is not met; and away from where it has been copied.
  await at.sql.legacy(`UPDATE accounts SET id = -7 WHERE id = ${rows}`);
  await at.sql.legacy(`UPDATE accounts SET id = ${rows + 7} WHERE id = ${moved}`);
  pages.open();
  await until('the backfill is done', async () => (await progress(at)).done);
  await advanceTo(at.lockstep, 'validate');
  expect(await reconciliation.run()).toMatchObject({ found: 2 });
  const found = await reconciliation.differences(10);
  expect(found.map(({ key, verdict }) => [...key, verdict]).sort()).toEqual([
    ['-7', 'missing'],
    [String(moved), 'extra'],
  ]);
  expect(await shown(at)).toMatch(/evidence .* 2 differences/);
  await expect(control.send('advance')).rejects.toMatchObject({ code: 'GateRefused' });

  expect(await reconciliation.run({ repair: true })).toMatchObject({ found: 2, repaired: 2 });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect(await advanceTo(at.lockstep, 'switch-reads')).toMatchObject({ phase: 'switch-reads' });
});

test('a key that no field can hold is a difference, stops nothing, and is copied when the row is corrected', async () => {
  const table = (id: string) =>
    `CREATE TABLE accounts (id ${id} NOT NULL PRIMARY KEY, owner varchar(100) NOT NULL, email varchar(100), balance decimal(12,2) NOT NULL)`;
  await using at = await filled({
    entities: [account],
    tables: { legacy: [table('BIGINT')], modern: [table('bigint')] },
  });
  await at.sql.legacy(`UPDATE accounts SET id = 9007199254740993 WHERE id = ${rows}`);
  await at.lockstep.control.send('advance');
  await until('the backfill is done', async () => (await progress(at)).done);
  expect(await shown(at)).not.toContain('9007199254740993');
  expect(await at.lockstep.reconciliation.differences(10)).toMatchObject([
    {
      key: ['9007199254740993'],
      verdict: 'unreadable',
      reason: expect.stringMatching(/accounts\.id .*2\^53/),
    },
  ]);
  await at.sql.legacy(`UPDATE accounts SET id = ${rows} WHERE id > ${rows}`);
  await at.lockstep.control.startBackfill();
  await until('the backfill is done', async () => (await progress(at)).done);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect(await at.lockstep.reconciliation.differences(10)).toEqual([]);
});

test('a value that the target refuses is shown, keeps no other from being copied, and is copied when it is corrected', async () => {
  await using at = await runningMigration('dual-write', { backfill: { chunkKeys: 100 } });
  const { control, reconciliation } = at.lockstep;
  await at.sql.legacy(values((id) => (id === 1_234 ? refusedByModern : '5.00')));
  await control.send('advance');
  await until('the backfill is done', async () => (await progress(at)).done);
  expect(await shown(at)).toMatch(/2999 copied, 0 already present, 1 refused, complete/);
  const expected = await tableOf(at, 'legacy', 'accounts');
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(expected.filter(({ id }) => id !== '1234'));
  expect(await at.stores.modern.differences(at.migration.name, 10)).toMatchObject([
    { key: ['1234'], verdict: 'refused', reason: expect.stringContaining('accounts_limit') },
  ]);

  await at.sql.legacy('UPDATE accounts SET balance = 1 WHERE id = 1234');
  await control.startBackfill();
  await until('the backfill is done', async () => (await progress(at)).done);
  expect(await progress(at)).toMatchObject({ copied: 1, skipped: rows - 1, refused: 0 });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect(await reconciliation.run()).toMatchObject({ found: 0 });
  expect(await reconciliation.differences(10)).toEqual([]);
});
