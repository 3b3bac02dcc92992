import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { phaseBefore } from '../../model/phase.ts';
import { account, newAccount } from '../support/accounts.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, tableOf } from '../support/inspect.ts';
import { expectedRows, write } from '../support/writers.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
beforeEach(() => bringTo(at.lockstep, 'dual-write'));
afterAll(() => at?.[Symbol.asyncDispose]());

test('back from each phase to the first, under writers that never pause, and no write is lost', async () => {
  const { control } = at.lockstep;
  await advanceTo(at.lockstep, 'switch-primary');
  const writers = write(at.lockstep.repository(account));
  let { phase } = await control.status();
  expect(phase).toBe('switch-primary');
  for (let previous = phaseBefore(phase); previous !== null; previous = phaseBefore(phase)) {
    const status = await control.send('rollback');
    expect(status).toMatchObject({ phase: previous, lastFailure: null });
    if (previous === 'switch-reads') expect(status.readPercent).toBe(100);
    phase = previous;
  }
  const promised = await writers.stop();
  expect(promised.failures).toEqual([]);
  const rows = await tableOf(at, 'legacy', 'accounts');
  expect(rows.filter(({ id }) => promised.accounts.has(Number(id)))).toEqual(expectedRows(promised));
  await expect(control.send('rollback')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'rollback' },
  });
  // Nothing is known of the stores any more.
  expect(await control.status()).toMatchObject({ phase: 'legacy-only', evidence: null, backfill: null });
});

test('what was changed and deleted in legacy meanwhile is caught up the second time', async () => {
  const accounts = at.lockstep.repository(account);
  const [changed, deleted, created] = [newAccount(), newAccount(), newAccount()];
  await accounts.create(changed, { ack: 'both' });
  await accounts.create(deleted, { ack: 'both' });
  await at.lockstep.control.send('rollback');
  await accounts.update(changed.id, { owner: 'changed alone' });
  await accounts.delete(deleted.id);
  await accounts.create(created);
  expect((await rowsOf(at, 'accounts', changed.id))[1]).toMatchObject({ owner: changed.owner });

  await advanceTo(at.lockstep, 'validate');
  await drained(at);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect((await rowsOf(at, 'accounts', changed.id))[1]).toMatchObject({ owner: 'changed alone' });
});

test('legacy does not stop while a write is parked, or has been pending to it for long, and there is no way back when it has', async () => {
  await using last = await runningMigration('switch-primary');
  const { control } = last.lockstep;
  const nothing = { pending: 0, parked: 0, tentative: 0, oldestTentativeMs: null };
  const old = { oldestMs: 60_000, oldestPendingMs: null, oldestParkedMs: null };
  for (const open of [
    { pending: 1, oldestPendingMs: 60_000 },
    { parked: 1, oldestParkedMs: 60_000 },
  ]) {
    last.faults.modern.journalBacklog = async () => ({ ...nothing, ...old, ...open });
    const [[name, count] = ['', 0]] = Object.entries(open);
    await expect(control.send('advance')).rejects.toMatchObject({
      code: 'GateRefused',
      details: { gate: 'modern-only', measured: { [name]: count, backlogAgeMs: 60_000 } },
    });
  }
  delete last.faults.modern.journalBacklog;
  expect(await control.send('advance')).toMatchObject({ phase: 'modern-only' });
  await expect(control.send('rollback')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'rollback' },
    message: expect.stringContaining('start a migration in the other direction'),
  });
});
