import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { MigrationStatus } from '../../workflows/messages.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained } from '../support/inspect.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', {
    phases: { evidenceMaxAgeMs: 3_600_000, soakMs: 3_600_000 },
    backfill: { chunkKeys: 10 },
  });
  for (let id = 1; id <= 100; id++)
    await at.sql.legacy(`INSERT INTO accounts VALUES (${id}, 'old ${id}', NULL, 5.00)`);
});
beforeEach(() => bringTo(at.lockstep, 'dual-write'));
afterAll(() => at?.[Symbol.asyncDispose]());

const control = () => at.lockstep.control;

/** The gate refuses, says what it measured and what to do, and nothing has changed. */
async function expectRefused(
  send: () => Promise<MigrationStatus>,
  gate: string,
  measured: Record<string, unknown>,
): Promise<void> {
  const before = await control().status();
  await expect(send()).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate, measured, remedy: expect.stringMatching(/\w/) },
  });
  const { phase, epoch, lastFailure } = await control().status();
  expect({ phase, epoch }).toEqual({ phase: before.phase, epoch: before.epoch });
  expect(lastFailure).toContain(gate);
}

const advance = () => control().send('advance');

async function validated(sample: number | null = null) {
  await control().startValidation({ sample, seed: 7 });
  return await until('the validation is over', async () => {
    const status = await control().status();
    return !status.validating && status.evidence;
  });
}

test('no validation before the backfill is complete', async () => {
  using pages = at.gates.close('modern', 'loadPage');
  await advance();
  await expectRefused(advance, 'validate', { running: true });
  pages.open();
  await until('the backfill is done', async () => (await control().status()).backfill?.done);
});

test('no reads from modern while a validation runs, or on evidence that differs, until there is none', async () => {
  await advanceTo(at.lockstep, 'validate');
  await until('the first validation is over', async () => !(await control().status()).validating);
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = 50`);
  await at.sql.modern('DELETE FROM accounts WHERE id = 51');
  expect(await validated()).toMatchObject({ differences: 2, mode: 'full' });
  await expectRefused(advance, 'switch-reads', { differences: 2 });
  const looks = at.gates.close('modern', 'read');
  await control().startValidation({ sample: 10, seed: 1 });
  await expectRefused(advance, 'switch-reads', { validating: true });
  looks.open();
  await until('the validation is over', async () => !(await control().status()).validating);

  await at.sql.modern(`UPDATE accounts SET owner = 'old 50' WHERE id = 50`);
  await at.sql.modern(`INSERT INTO accounts VALUES (51, 'old 51', NULL, 5.00)`);
  expect(await validated()).toMatchObject({ differences: 0 });
  expect(await advance()).toMatchObject({ phase: 'switch-reads', readPercent: 0 });
});

test('no change of primary before all reads are modern', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(0);
  await expectRefused(advance, 'switch-primary', { readPercent: 0 });
  await control().setReadPercent(99);
  await expectRefused(advance, 'switch-primary', { readPercent: 99 });
  await control().setReadPercent(100);
});

test('no change of primary while a write is parked', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(100);
  const { operationId } = await at.lockstep
    .repository(account)
    .create(newAccount({ balance: refusedByModern }));
  await until('it is parked', async () => (await control().writeStatus(operationId)).stage === 'parked');
  await expectRefused(advance, 'switch-primary', { parked: 1 });
  await control().resolve(operationId, 'compensate');
  await drained(at);
  await until('it is compensated', async () => (await control().backlog()).parked === 0);
  expect(await advance()).toMatchObject({ phase: 'switch-primary' });
});

test('legacy does not stop before reads have been modern for long enough', async () => {
  await advanceTo(at.lockstep, 'switch-primary');
  await expectRefused(advance, 'modern-only', { soakMs: 3_600_000 });
});

test('a change of primary is refused while the other store is unavailable, and the old primary goes on', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(100);
  await at.proxies.modern.cut();
  await expectRefused(advance, 'switch-primary', { reachable: false });
  await at.lockstep.repository(account).create(newAccount());
  await at.proxies.modern.restore();
  await drained(at);
});

test('a way back is open while modern is unavailable', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(100);
  await at.proxies.modern.cut();
  expect(await control().setReadPercent(0)).toMatchObject({ readPercent: 0 });
  for (const phase of ['validate', 'backfill', 'dual-write', 'legacy-only']) {
    expect(await control().send('rollback')).toMatchObject({ phase });
  }
  await at.proxies.modern.restore();
  await advanceTo(at.lockstep, 'dual-write');
  const value = newAccount();
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  expect(await at.stores.modern.readState(at.migration.name)).toMatchObject({ phase: 'dual-write' });
});
