import { afterEach, beforeEach, expect, test } from 'vitest';
import { statusLines } from '../../cli/status-lines.ts';
import { account, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { tableOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const canary = 'what-stands-there';
const rows = 300;

let at: RunningMigration;
beforeEach(async () => {
  at = await runningMigration('dual-write', {
    entities: [account, twin],
    backfill: { chunkKeys: 50, parallel: 2 },
  });
  for (const table of ['accounts', 'twins']) {
    const list = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old', NULL, 5.00)`);
    await at.sql.legacy(`INSERT INTO ${table} VALUES ${list.join(', ')}`);
  }
});
afterEach(() => at[Symbol.asyncDispose]());

async function progress() {
  const { backfill } = await at.lockstep.control.status();
  if (!backfill) throw new TypeError('there is a backfill');
  return backfill;
}

async function stopped() {
  await until('the backfill has stopped', async () => !(await progress()).running);
  return await progress();
}

/** One entity is left out and told, the other is copied; begun anew, it is copied too, and the other is not read again. */
async function expectLeftOut(table: string): Promise<void> {
  const { entities, ...all } = await stopped();
  const told = expect.stringMatching(
    `^(?!.*${canary}).*the modern store: a row of the control table ${table} .*of the backfill of account.*lockstep backfill --anew account`,
  );
  expect(all).toMatchObject({ done: false, stopped: told });
  const [left, copied] = entities;
  expect(left).toMatchObject({ entity: 'account', done: false, stopped: told });
  expect(copied).toMatchObject({ entity: 'twin', done: true, copied: rows, stopped: null });
  const { control } = at.lockstep;
  const status = await control.status();
  const looked = {
    backlog: await control.backlog(),
    faults: await control.faults(status),
    reads: await control.measuredReads(status),
  };
  expect(statusLines(status, looked).join('\n')).toMatch(/account: .*, left out: /);
  await expect(control.send('advance')).rejects.toMatchObject({ code: 'GateRefused' });

  await control.startBackfill({ anew: ['account'] });
  await until('the backfill is done', async () => (await progress()).done);
  expect((await progress()).entities.find(({ entity }) => entity === 'twin')).toMatchObject({
    copied: rows,
    skipped: 0,
  });
  for (const name of ['accounts', 'twins'])
    expect(await tableOf(at, 'modern', name)).toEqual(await tableOf(at, 'legacy', name));
}

test('a corrupt cursor under way leaves out its entity alone, which can begin anew', async () => {
  const pages = at.gates.close('modern', 'loadPage', { after: 2 });
  await at.lockstep.control.send('advance');
  await pages.waiting(1);
  await at.sql.modern(`UPDATE lockstep.chunks SET cursor_key = '["${canary}' WHERE entity = 'account'`);
  pages.open();
  await expectLeftOut('chunks');
});

test('a checkpoint that is gone is missed when a backfill goes on', async () => {
  await at.lockstep.control.send('advance');
  await until('the backfill is done', async () => (await progress()).done);
  await at.sql.modern("DELETE FROM lockstep.chunks WHERE entity = 'account' AND range_no = 0");
  await at.lockstep.control.startBackfill({ anew: ['twin'] });
  const { entities } = await stopped();
  expect(entities.find(({ entity }) => entity === 'account')?.stopped).toContain('range 0 is missing');
});

test('an entity that the migration does not have cannot begin anew', async () => {
  await at.lockstep.control.send('advance');
  await until('the backfill is done', async () => (await progress()).done);
  for (const anew of [['stranger'], ['account', 'stranger']])
    await expect(at.lockstep.control.startBackfill({ anew })).rejects.toMatchObject({
      code: 'InvalidInput',
      details: { path: 'anew' },
      message: `what is to begin anew is no entity of ${at.migration.name}: those are account, twin`,
    });
});
