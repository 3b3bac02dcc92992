import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isInRollout } from '../../model/rollout.ts';
import { type Account, flagged, newAccount } from '../support/accounts.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowIn, rowsOf, tableOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
beforeEach(() => bringTo(at.lockstep, 'dual-write'));
afterAll(() => at?.[Symbol.asyncDispose]());

const share = async (percent: number) => {
  await at.lockstep.control.setWritePercent(percent);
  // A client that has just begun knows the share of now.
  return (await at.connect()).repository(flagged);
};

test('with the flag off the secondary is left alone, and nothing is pending', async () => {
  const records = await share(0);
  const value = newAccount();
  const { operationId } = await records.create(value, { ack: 'both' });
  expect(await rowIn(at, 'legacy', 'flagged', value.id)).not.toBeNull();
  expect(await rowIn(at, 'modern', 'flagged', value.id)).toBeNull();
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('with the flag on the secondary has every write', async () => {
  const records = await share(100);
  const value = newAccount();
  await records.create(value, { ack: 'both' });
  await records.update(value.id, { owner: 'mirrored' }, { ack: 'both' });
  for (const row of await rowsOf(at, 'flagged', value.id)) expect(row).toMatchObject({ owner: 'mirrored' });
});

test('a key stays on the side of the share that it is on', async () => {
  const records = await share(50);
  const isOn = (id: number) => isInRollout('flagged', JSON.stringify([String(id)]), 50);
  const values = [...accountsThat(isOn, 6), ...accountsThat((id) => !isOn(id), 6)];
  await Promise.all(values.map((value) => records.create(value, { ack: 'both' })));
  await Promise.all(values.map(({ id }) => records.update(id, { owner: 'again' }, { ack: 'both' })));
  for (const { id } of values) {
    const row = await rowIn(at, 'modern', 'flagged', id);
    if (isOn(id)) expect(row).toMatchObject({ owner: 'again' });
    else expect(row).toBeNull();
  }
});

test('once history is copied no flag keeps a write out, and what was kept out is caught up', async () => {
  await at.lockstep.control.setWritePercent(50);
  const flags = { writesModern: async () => false, readsModern: async () => false };
  const off = await at.connect({ flags });
  const records = off.repository(flagged);
  const before = newAccount();
  await records.create(before, { ack: 'both' });
  expect(await rowIn(at, 'modern', 'flagged', before.id)).toBeNull();
  await expect(at.lockstep.control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'backfill', measured: { writePercent: 50 } },
  });
  await at.lockstep.control.setWritePercent(100);
  await at.lockstep.control.send('advance');

  // This client still has the route of the phase before.
  const after = newAccount();
  await records.create(after, { ack: 'both' });
  expect(await rowIn(at, 'modern', 'flagged', after.id)).not.toBeNull();
  const late = newAccount();
  const newcomer = await at.connect({ flags });
  await newcomer.repository(flagged).create(late, { ack: 'both' });
  expect(await rowIn(at, 'modern', 'flagged', late.id)).not.toBeNull();
  await advanceTo(at.lockstep, 'validate');
  await drained(at);
  expect(await tableOf(at, 'modern', 'flagged')).toEqual(await tableOf(at, 'legacy', 'flagged'));
});

function accountsThat(holds: (id: number) => boolean, count: number): Account[] {
  const found: Account[] = [];
  while (found.length < count) {
    const value = newAccount();
    if (holds(value.id)) found.push(value);
  }
  return found;
}
