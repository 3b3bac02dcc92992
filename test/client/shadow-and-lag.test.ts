import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect } from '../../client/service/connect.ts';
import type { ReadCounts } from '../../model/read-counts.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, storedIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const lagLimitMs = 1;

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads', { reads: { lagLimitMs, shadowShare: 0 } });
  await at.lockstep.control.setReadPercent(100);
});
beforeEach(async () => {
  await at.restore();
  await drained(at);
});
afterAll(() => at?.[Symbol.asyncDispose]());

async function created() {
  const value = newAccount();
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  return value;
}

/** Two records of which modern lacks the last write of the first, and a service that is new to them. */
async function lateInModern() {
  const value = await created();
  const other = await created();
  holdModern();
  await at.lockstep.repository(account).update(value.id, { owner: 'newer' });
  const client = await at.connect();
  return { value, other, client, accounts: client.repository(account) };
}

/** Modern takes no writes until the test is over. */
function holdModern(): void {
  at.faults.modern.write = async () => {
    throw new Error('held by a test');
  };
}

test('a record whose write modern has lacked for too long is read from the primary; others are not', async () => {
  const { value, other, client, accounts } = await lateInModern();
  expect((await accounts.get(value.id))?.value.owner).toBe('newer');
  expect(await accounts.get(other.id)).not.toBeNull();
  expect(client.reads.counts()).toEqual({ legacy: 1, modern: 1, fellBack: 0, lagged: 1, undecided: 0 });
  at.proxies.legacy.hang();
  // Late is better than nothing.
  expect((await accounts.get(value.id))?.value.owner).toBe(value.owner);
});

test('of many records those that modern has lacked for too long are read from the primary', async () => {
  const { value, other, client, accounts } = await lateInModern();
  const owners = async () => (await accounts.getMany([other.id, value.id])).map((one) => one?.value.owner);
  expect(await owners()).toEqual([other.owner, 'newer']);
  expect(client.reads.counts()).toEqual({ legacy: 1, modern: 1, fellBack: 0, lagged: 1, undecided: 0 });
  expect((await client.readsFrom(account, value.id)).store).toBe('legacy');
  expect((await client.readsFrom(account, other.id)).store).toBe('modern');
  await at.proxies.legacy.cut();
  // Late is better than nothing.
  expect(await owners()).toEqual([other.owner, value.owner]);
});

test('a parked record is read from the primary until somebody has decided', async () => {
  const parked = await created();
  const { operationId } = await at.lockstep
    .repository(account)
    .update(parked.id, { balance: refusedByModern });
  await until('it is parked', async () => (await at.lockstep.control.backlog()).parked === 1);
  const client = await at.connect();
  expect((await client.repository(account).get(parked.id))?.value.balance).toBe(refusedByModern);
  expect(client.reads.counts()).toMatchObject({ legacy: 1, lagged: 1 });
  await at.lockstep.control.resolve(operationId, 'discard');
});

test('a shadow read that disagrees because a write is on its way is no mismatch', async () => {
  const value = await created();
  holdModern();
  const before = await storedIn(at, 'modern', account, value.id);
  await at.lockstep.repository(account).update(value.id, { owner: 'on its way' });
  const client = await at.connect();
  await client.repository(account).get(value.id, { shadow: true });
  await until('it was looked at again', async () => client.shadow.counts().inFlight === 1);
  expect(await storedIn(at, 'modern', account, value.id)).toEqual(before);
  expect(client.shadow.counts()).toEqual({ equal: 0, unequal: 0, inFlight: 1, failed: 0 });
});

test('a sampled read is compared after its answer, and one that stays unequal is reported', async () => {
  const sampled = await created();
  await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = ${sampled.id}`);
  const policy = { ...at.migration.policy, readShadowShare: 1 };
  await using client = await connect(
    { ...at.migration, policy },
    { environment: at.environment, temporal: at.temporal },
  );
  expect((await client.repository(account).get(sampled.id))?.value.owner).toBe('planted');
  const counted = await until('it is reported', async (): Promise<ReadCounts | false> => {
    const { counts } = await at.lockstep.control.measuredReads(await at.lockstep.control.status());
    return counts.unequal > 0 && counts;
  });
  expect(counted).toMatchObject({ unequal: 1 });
  await at.sql.modern(`UPDATE accounts SET owner = '${sampled.owner}' WHERE id = ${sampled.id}`);
});

test.each([Number.NaN, 0, -1, Number.POSITIVE_INFINITY, 2 ** 31])(
  'a time limit of %s is refused',
  async (ms) => {
    for (const given of [{ readTimeoutMs: ms }, { flagTimeoutMs: ms }])
      await expect(at.connect(given)).rejects.toMatchObject({
        code: 'InvalidInput',
        message: expect.stringContaining(String(ms)),
      });
  },
);
