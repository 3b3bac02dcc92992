import { afterAll, beforeAll, expect, test } from 'vitest';
import { HybridClock, isNewer } from '../../model/version.ts';
import { account, newAccount, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, versionsOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const hour = 3_600_000;

test.each([
  ['accounts', account],
  ['twins', twin],
])(
  'a clock that goes back changes nothing about %s: neither versions nor what was written last',
  async (table, entity) => {
    let now = Date.now();
    const { repository } = await at.connect({ now: () => now });
    const records = repository(entity);
    const value = newAccount();
    const versions = [(await records.create(value)).version];
    for (const step of [-hour, -hour, +60_000, -24 * hour]) {
      now += step;
      const { version, token } = await records.update(value.id, { owner: `at ${step} of ${now}` });
      versions.push(version);
      expect((await records.get(value.id, { atLeast: token }))?.value).toMatchObject({
        owner: `at ${step} of ${now}`,
      });
    }
    const numbers = versions.map((version) => BigInt(version ?? 0));
    expect(numbers).toEqual([...new Set(numbers)].sort((left, right) => (left < right ? -1 : 1)));
    await drained(at);
    const last = versions.at(-1);
    expect(await versionsOf(at, entity, value.id)).toEqual([last, last]);
    for (const row of await rowsOf(at, table, value.id))
      expect(row).toMatchObject({ owner: `at ${-24 * hour} of ${now}` });
  },
);

test('of two services the one whose clock is behind writes over the other as well', async () => {
  const ahead = (await at.connect({ now: () => Date.now() + 24 * hour })).repository(account);
  const behind = (await at.connect({ now: () => Date.now() - 24 * hour })).repository(account);
  const value = newAccount();
  const first = await ahead.create(value);
  // From a second service that has just started, and does not know of the first one's clock.
  const second = await behind.update(value.id, { owner: 'behind' });
  const third = await ahead.update(value.id, { email: `${value.id}@example.org` });
  const fourth = await behind.delete(value.id);
  const versions = [first, second, third, fourth].map(({ version }) => BigInt(version ?? 0));
  expect(versions).toEqual(versions.toSorted((left, right) => (left < right ? -1 : 1)));
  expect(isNewer(second.version ?? '0', new HybridClock().next())).toBe(true);
  await drained(at);
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
  expect(await versionsOf(at, account, value.id)).toEqual([fourth.version, fourth.version]);
});

test('a clock that jumps far ahead and comes back is refused meanwhile, and no longer', async () => {
  let now = Date.now();
  const records = (await at.connect({ now: () => now })).repository(account);
  const value = newAccount();
  await records.create(value);
  now += 72 * hour;
  await expect(records.update(value.id, { owner: 'from ahead' })).rejects.toMatchObject({
    message: expect.stringContaining("more than a day ahead of the worker's clock"),
  });
  now -= 72 * hour;
  await records.update(value.id, { owner: 'from now' });
  await drained(at);
  for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'from now' });
});
