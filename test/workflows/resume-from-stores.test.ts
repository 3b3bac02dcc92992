import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { validate } from '../support/advance.ts';
import { bringTo, fixture, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('legacy-only');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const handle = () => at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));

async function startedAgain() {
  await handle().terminate('lost');
  await expect(at.lockstep.control.status()).rejects.toMatchObject({
    code: 'NotRunning',
    message: expect.stringContaining('TERMINATED'),
  });
  return await at.lockstep.control.start();
}

test('a migration that runs is not started twice', async () => {
  await expect(at.lockstep.control.start()).rejects.toMatchObject({ code: 'AlreadyRunning' });
});

test('one that runs beside stores that were made anew says how to begin anew', async () => {
  await using own = await runningMigration('dual-write');
  await own.sql.legacy('DELETE FROM lockstep_state');
  await own.sql.modern('DELETE FROM lockstep.state');
  const workflowId = migrationWorkflowId(own.migration.name);
  await expect(own.lockstep.control.start()).rejects.toMatchObject({
    code: 'AlreadyRunning',
    message: expect.stringContaining(`temporal workflow terminate --workflow-id ${workflowId}`),
  });
  await own.temporal.workflow.getHandle(workflowId).terminate('begun anew');
  expect(await own.lockstep.control.start()).toMatchObject({ phase: 'legacy-only' });
});

test.each(['dual-write', 'switch-reads', 'switch-primary'] as const)(
  'a lost migration takes up %s from the stores',
  async (phase) => {
    const before = await bringTo(at.lockstep, phase);
    const after = await startedAgain();
    for (const field of ['phase', 'readPercent', 'writePercent', 'primary'] as const) {
      expect(after[field]).toEqual(before[field]);
    }
    expect(after.epoch).toBeGreaterThan(before.epoch);
    await at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
  },
);

test('a migration that was lost in switch-primary can still be finished', async () => {
  await using lost = await runningMigration('switch-primary');
  const { control } = lost.lockstep;
  await lost.temporal.workflow.getHandle(migrationWorkflowId(lost.migration.name)).terminate('lost');
  expect((await control.start()).readsModernSince).not.toBeNull();
  // The stores keep no evidence.
  await expect(control.send('advance')).rejects.toMatchObject({ details: { measured: { evidence: null } } });
  await validate(control);
  expect(await control.send('advance')).toMatchObject({ phase: 'modern-only' });
});

test('a migration that was lost while the primary changed opens the old one again', async () => {
  await using lost = await runningMigration('switch-reads');
  const { control } = lost.lockstep;
  await control.setReadPercent(100);
  const hold = Promise.withResolvers<[]>();
  lost.faults.legacy.journal = () => hold.promise;
  const advancing = control.send('advance').catch((error: unknown) => error);
  await until('the stores are closed', async () => {
    const state = await lost.stores.modern.readState(lost.migration.name);
    return state?.open === false;
  });
  const writing = lost.lockstep.repository(account).create(newAccount());
  await lost.temporal.workflow.getHandle(migrationWorkflowId(lost.migration.name)).terminate('lost');
  await advancing;
  delete lost.faults.legacy.journal;
  hold.resolve([]);

  const status = await control.start();
  expect(status).toMatchObject({ phase: 'switch-reads', primary: 'legacy' });
  await writing;
});

test('a closing of the lost migration that lands after its route was read keeps nothing closed', async () => {
  await using lost = await runningMigration('switch-reads');
  const { control } = lost.lockstep;
  await lost.temporal.workflow.getHandle(migrationWorkflowId(lost.migration.name)).terminate('lost');
  const { legacy } = lost.stores;
  lost.faults.legacy.readState = async (name) => {
    const state = await legacy.readState(name);
    delete lost.faults.legacy.readState;
    if (!state) throw new Error('the migration runs');
    const { epoch, changeNumber } = state;
    await legacy.writeState({ ...state, epoch: epoch + 1, changeNumber: changeNumber + 1, open: false });
    return state;
  };
  expect(await control.start()).toMatchObject({ phase: 'switch-reads', primary: 'legacy' });
  expect(await legacy.readState(lost.migration.name)).toMatchObject({ open: true });
  await lost.lockstep.repository(account).create(newAccount());
});

test('a backfill that outlived its migration is taken over', async () => {
  await using lost = await runningMigration('dual-write', { backfill: { chunkKeys: 5 } });
  const { control } = lost.lockstep;
  for (let id = 1; id <= 30; id++)
    await lost.sql.legacy(`INSERT INTO accounts VALUES (${id}, 'old ${id}', NULL, 5.00)`);
  using pages = lost.gates.close('modern', 'loadPage');
  await control.send('advance');
  await lost.temporal.workflow.getHandle(migrationWorkflowId(lost.migration.name)).terminate('lost');
  expect(await control.start()).toMatchObject({ phase: 'backfill', backfill: null });
  await expect(control.startBackfill()).rejects.toMatchObject({ code: 'AlreadyRunning' });
  expect(await control.status()).toMatchObject({ backfill: { running: true } });
  pages.open();
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
});

test('continue-as-new keeps all that the migration knows', async () => {
  await using again = await runningMigration('dual-write');
  const { control } = again.lockstep;
  await control.setRate(123);
  await control.setDeadline('2099-09-09T00:00:00Z');
  await control.send('pause');
  const before = await control.status();
  const workflow = again.temporal.workflow.getHandle(migrationWorkflowId(again.migration.name));
  const { runId } = await workflow.describe();
  // A history as long as that is begun anew. What is no report is dropped, and leaves an event.
  for (let hundreds = 0; hundreds <= 10; hundreds++)
    await Promise.all(Array.from({ length: 100 }, () => workflow.signal('readsOverBudget', null)));
  await until('another run goes on', async () => (await workflow.describe()).runId !== runId);
  expect(await control.status()).toEqual(before);
  await control.send('resume');
  expect(await control.send('advance')).toMatchObject({ phase: 'backfill' });
});

test('a migration whose stores are not prepared says so when it is started', async () => {
  await using unprepared = await fixture();
  await unprepared.work();
  const lockstep = await unprepared.connect();
  await unprepared.sql.modern('DROP SCHEMA lockstep CASCADE');
  await expect(lockstep.control.start()).rejects.toMatchObject({
    code: 'NotPrepared',
    details: { remedy: expect.stringContaining('lockstep prepare') },
  });
});
