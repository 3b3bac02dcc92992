import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { account, twin } from '../support/accounts.ts';
import { validate } from '../support/advance.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
const rows = 500;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account, twin] });
  const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old ${index + 1}', NULL, 5.00)`);
  await at.sql.legacy(`INSERT INTO accounts VALUES ${values.join(', ')}`);
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'validate');
  await until('nothing is validated', async () => !(await control().status()).validating);
  await validate(control());
});
afterAll(() => at?.[Symbol.asyncDispose]());

const control = () => at.lockstep.control;
const advance = () => control().send('advance');

async function expectRefused(gate: string, measured: Record<string, unknown>): Promise<void> {
  await expect(advance()).rejects.toMatchObject({ code: 'GateRefused', details: { gate, measured } });
}

test('a validation that does not come to its end voids what an earlier one has proved', async () => {
  const fail = async () => {
    throw new LockstepError('NotPrepared', 'as if a grant were missing');
  };
  for (const call of ['digests', 'rowDigests', 'read', 'steps'] as const)
    Object.assign(at.faults.modern, { [call]: fail });
  await control().startValidation({ sample: null, seed: 3 });
  const status = await until('the validation is over', async () => {
    const now = await control().status();
    return !now.validating && now;
  });
  expect(status).toMatchObject({
    evidence: null,
    evidenceVoided: { reason: expect.stringContaining('did not come to its end') },
  });
  await at.restore();
  await expectRefused('switch-reads', { evidence: null, voided: expect.any(String) });
  expect((await control().faults(await control().status())).evidence).toContain('did not come to its end');
});

test('a sample opens the gate only where it proves enough', async () => {
  await control().startValidation({ sample: 100, seed: 1 });
  await until('the validation is over', async () => !(await control().status()).validating);
  await expectRefused('switch-reads', { upperBound: 0.03, limit: 0.001 });
  // One that has every key proves as much as a comparison of all.
  await control().startValidation({ sample: rows + 1, seed: 1 });
  const status = await until('the validation is over', async () => {
    const now = await control().status();
    return !now.validating && now;
  });
  expect(status.evidence).toMatchObject({ mode: 'sample', compared: rows, upperBound: 0 });
  expect(await advance()).toMatchObject({ phase: 'switch-reads' });
});

test('a rollback and a repair void evidence, and it is asked for again before the primary changes', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  expect(await control().send('rollback')).toMatchObject({
    phase: 'validate',
    evidence: null,
    evidenceVoided: { reason: 'switch-reads was rolled back' },
  });
  await expectRefused('switch-reads', { evidence: null });
  await validate(control());
  await advance();
  await control().setReadPercent(100);
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = 50`);
  expect(await at.lockstep.reconciliation.run({ repair: true })).toMatchObject({ repaired: 1 });
  await until('the migration knows', async () => (await control().status()).evidence === null);
  await expectRefused('switch-primary', { evidence: null, voided: 'a repair changed rows' });
  await validate(control());
  expect(await advance()).toMatchObject({ phase: 'switch-primary' });
});

test('evidence that was being gathered when something voided it does not count', async () => {
  const looks = at.gates.close('modern', 'digests');
  await control().startValidation({ sample: null, seed: 1 });
  await looks.waiting();
  await control().send('rollback');
  looks.open();
  const status = await until('the validation is over', async () => {
    const now = await control().status();
    return !now.validating && now;
  });
  expect(status).toMatchObject({ evidence: null, evidenceVoided: { reason: 'validate was rolled back' } });
});
