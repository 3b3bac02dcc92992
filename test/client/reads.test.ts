import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RepositoryOf } from '../../client/service/repository.ts';
import { RouteCache } from '../../client/service/route-cache.ts';
import type { Store } from '../../databases/contract/store.ts';
import { routeFreshMs, routeLeaseMs } from '../../model/phase.ts';
import { isInRollout } from '../../model/rollout.ts';
import { tokenOf } from '../../model/token.ts';
import { account, newAccount } from '../support/accounts.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
const kept = Array.from({ length: 24 }, () => newAccount({ owner: 'legacy' }));
const [first] = kept;
if (!first) throw new Error('there are accounts');

beforeAll(async () => {
  at = await runningMigration('validate');
  const accounts = at.lockstep.repository(account);
  await Promise.all(kept.map((value) => accounts.create(value, { ack: 'both' })));
});
beforeEach(async () => {
  await makeEqual();
  await bringTo(at.lockstep, 'switch-reads');
  await at.lockstep.control.setReadPercent(100);
  await plantOwner();
});

/** No gate opens while the stores differ. */
async function makeEqual(): Promise<void> {
  for (const store of ['legacy', 'modern'] as const)
    await at.sql[store](`UPDATE accounts SET owner = 'legacy'`);
}

/** The owner tells which store has answered. */
async function plantOwner(): Promise<void> {
  await at.sql.modern(`UPDATE accounts SET owner = 'modern'`);
}
afterAll(() => at?.[Symbol.asyncDispose]());

/** A client that has just begun knows the route of now. */
const accountsNow = async () => (await at.connect()).repository(account);

async function answeredBy(accounts: RepositoryOf<typeof account>): Promise<(string | undefined)[]> {
  return await Promise.all(kept.map(async ({ id }) => (await accounts.get(id))?.value.owner));
}

const expected = (percent: number) =>
  kept.map(({ id }) => (isInRollout('account', JSON.stringify([String(id)]), percent) ? 'modern' : 'legacy'));

test('the share of reads is sticky by key, and a smaller one lies inside a larger one', async () => {
  const shares: string[][] = [];
  for (const percent of [0, 30, 60, 100]) {
    await at.lockstep.control.setReadPercent(percent);
    const accounts = await accountsNow();
    expect(await answeredBy(accounts)).toEqual(expected(percent));
    expect(await answeredBy(accounts)).toEqual(expected(percent));
    shares.push(expected(percent));
  }
  expect(new Set(shares[1]).size).toBe(2);
  shares[1]?.forEach((store, index) => {
    if (store === 'modern') expect(shares[2]?.[index]).toBe('modern');
  });
});

test('many records are read in the order of their keys, each from its side of the share', async () => {
  await at.lockstep.control.setReadPercent(60);
  const client = await at.connect();
  const missing = newAccount();
  const keys = [...kept.map(({ id }) => id), missing.id, first.id];
  const found = await client.repository(account).getMany(keys);
  const sides = expected(60);
  expect(new Set(sides).size).toBe(2);
  expect(found.map((one) => one?.value.owner)).toEqual([...sides, undefined, sides[0]]);
  expect(found.map((one) => one?.value.id)).toEqual([...kept.map(({ id }) => id), undefined, first.id]);
  const { legacy, modern } = client.reads.counts();
  expect(legacy + modern).toBe(keys.length);
  expect(await client.repository(account).getMany([])).toEqual([]);
});

test('many reads at a time, which share statements, are each answered with their own record', async () => {
  await at.lockstep.control.setReadPercent(60);
  const client = await at.connect();
  const accounts = client.repository(account);
  const missing = newAccount();
  const keys = Array.from({ length: 6 }, () => [...kept.map(({ id }) => id), missing.id]).flat();
  const owners = Array.from({ length: 6 }, () => [...expected(60), undefined]).flat();
  const read = await Promise.all(keys.map((id) => accounts.get(id)));
  const withToken = await Promise.all(keys.map((id) => accounts.get(id, { withToken: true })));
  for (const found of [read, withToken])
    expect(found.map((one) => [one?.value.id, one?.value.owner])).toEqual(
      owners.map((owner, at) => [owner && keys[at], owner]),
    );
  expect(withToken.filter((one) => one?.token)).toHaveLength(6 * kept.length);
  const { legacy, modern } = client.reads.counts();
  expect(legacy + modern).toBe(2 * keys.length);
});

test('the version is given where it is asked for, and nowhere else', async () => {
  const accounts = await accountsNow();
  const value = newAccount();
  const { token } = await accounts.create(value, { ack: 'both' });
  expect(await accounts.get(value.id)).toEqual({ value });
  expect(await accounts.get(value.id, { atLeast: token })).toEqual({ value });
  expect(await accounts.get(value.id, { withToken: true })).toEqual({ value, token });
  expect(await accounts.getMany([value.id])).toEqual([{ value }]);
  expect(await accounts.getMany([value.id], { withToken: true })).toEqual([{ value, token }]);
});

test('where the routed store is unavailable, the primary answers all of many keys', async () => {
  const client = await at.connect();
  const accounts = client.repository(account);
  await accounts.get(first.id);
  await at.proxies.modern.cut();
  try {
    const found = await accounts.getMany(kept.map(({ id }) => id));
    expect(found.map((one) => one?.value.owner)).toEqual(kept.map(() => 'legacy'));
    expect(client.reads.counts()).toMatchObject({ legacy: kept.length, fellBack: kept.length });
    await at.proxies.legacy.cut();
    await expect(accounts.getMany([first.id])).rejects.toMatchObject({ code: 'StoreUnavailable' });
  } finally {
    await at.proxies.modern.restore();
    await at.proxies.legacy.restore();
  }
});

test('a statement of the service goes where a read of its key goes', async () => {
  await at.lockstep.control.setReadPercent(60);
  const client = await at.connect();
  const sql = {
    mysql: 'SELECT owner FROM accounts WHERE id = ?',
    postgresql: 'SELECT owner FROM accounts WHERE id = $1',
  };
  const places = await Promise.all(kept.map(({ id }) => client.readsFrom(account, id)));
  expect(places.map(({ store }) => store)).toEqual(expected(60));
  const owners = await Promise.all(
    places.map(async ({ engine, query }, at) => await query<{ owner: string }>(sql[engine], [kept[at]?.id])),
  );
  expect(owners).toEqual(expected(60).map((owner) => [{ owner }]));
  expect((await client.readsFrom(account)).store).toBe('legacy');
});

test('a statement about no single record follows when modern answers all; one that needs a version stays', async () => {
  const client = await at.connect();
  const accounts = client.repository(account);
  expect((await client.readsFrom(account)).store).toBe('modern');
  const { token } = await accounts.update(first.id, { email: null }, { ack: 'primary' });
  expect((await client.readsFrom(account, first.id, { atLeast: token })).store).toBe('legacy');
  await expect(client.readsFrom(account, first.id, { atLeast: tokenOf('x') })).rejects.toMatchObject({
    code: 'InvalidToken',
  });
  await at.proxies.modern.cut();
  await at.proxies.legacy.cut();
  try {
    // The route is known: nobody is asked.
    expect((await client.readsFrom(account)).store).toBe('modern');
  } finally {
    await at.proxies.modern.restore();
    await at.proxies.legacy.restore();
  }
});

test('a record that is not there is null, wherever it is looked for', async () => {
  expect(await (await accountsNow()).get(newAccount().id)).toBeNull();
});

test('where the routed store is unavailable, the primary answers', async () => {
  const accounts = await accountsNow();
  expect((await accounts.get(first.id))?.value.owner).toBe('modern');
  await at.proxies.modern.cut();
  try {
    expect((await accounts.get(first.id))?.value.owner).toBe('legacy');
  } finally {
    await at.proxies.modern.restore();
  }
});

test('where no store answers, the read fails with the name of the store', async () => {
  const accounts = await accountsNow();
  await accounts.get(first.id);
  await at.proxies.modern.cut();
  await at.proxies.legacy.cut();
  try {
    await expect(accounts.get(first.id)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { store: 'legacy' },
    });
  } finally {
    await at.proxies.modern.restore();
    await at.proxies.legacy.restore();
  }
});

test('a read that carries a token is never answered with less', async () => {
  const accounts = await accountsNow();
  const value = newAccount({ owner: 'first' });
  await accounts.create(value, { ack: 'both' });
  const { token } = await accounts.update(value.id, { owner: 'second' }, { ack: 'both' });
  // As if the second write were still on its way.
  await at.sql.modern(`UPDATE accounts SET owner = 'stale' WHERE id = ${value.id}`);
  await at.sql.modern(`UPDATE lockstep.records SET version = 1 WHERE record_key = '["${value.id}"]'`);
  expect((await accounts.get(value.id))?.value.owner).toBe('stale');
  expect((await accounts.get(value.id, { atLeast: token }))?.value.owner).toBe('second');
  // Both have the same version again, so that later gates open.
  await accounts.update(value.id, { owner: 'third' }, { ack: 'both' });
});

test('a token that no store has reached is told, not answered with something older', async () => {
  const accounts = await accountsNow();
  await expect(accounts.get(first.id, { atLeast: tokenOf(String(2n ** 62n)) })).rejects.toMatchObject({
    code: 'StaleRead',
    details: { entity: 'account' },
  });
});

test('a delete is read back as null with its token', async () => {
  const accounts = await accountsNow();
  const value = newAccount();
  await accounts.create(value, { ack: 'both' });
  const { token } = await accounts.delete(value.id, { ack: 'both' });
  expect(await accounts.get(value.id, { atLeast: token })).toBeNull();
});

test('shadow reads answer from the routed store, and count what the other one has', async () => {
  const client = await at.connect();
  const accounts = client.repository(account);
  const equal = newAccount();
  await accounts.create(equal, { ack: 'both' });
  expect((await accounts.get(first.id, { shadow: true }))?.value.owner).toBe('modern');
  await until('it was looked at again', async () => client.shadow.counts().unequal === 1);
  await accounts.get(equal.id, { shadow: true });
  await at.proxies.legacy.cut();
  await accounts.get(first.id, { shadow: true });
  await at.proxies.legacy.restore();
  expect(client.shadow.counts()).toEqual({ equal: 1, unequal: 1, inFlight: 0, failed: 1 });
});

test('a client whose wall clock steps back an hour hears of a change all the same', async () => {
  let offset = 0;
  const client = await at.connect({ now: () => Date.now() + offset });
  const accounts = client.repository(account);
  expect((await accounts.get(first.id))?.value.owner).toBe('modern');
  offset = -3_600_000;
  await at.lockstep.control.setReadPercent(0);
  await until(
    'its reads are routed anew',
    async () => (await accounts.get(first.id))?.value.owner === 'legacy',
  );
});

test('a route serves while the stores are asked again, until its lease is over', async () => {
  let elapsed = 0;
  const { migration, stores } = at;
  let hold: Promise<unknown> = Promise.resolve();
  const slow = (store: Store): Store => ({
    ...store,
    readState: async (name) => {
      await hold;
      return await store.readState(name);
    },
  });
  const asked = { legacy: slow(stores.legacy), modern: slow(stores.modern) };
  const cache = new RouteCache({ migration, stores: asked }, () => elapsed);
  expect(await cache.current()).toMatchObject({ readPercent: 100 });
  await at.lockstep.control.setReadPercent(0);
  const { promise, resolve } = Promise.withResolvers<void>();
  hold = promise;
  elapsed = routeFreshMs;
  expect(await cache.current()).toMatchObject({ readPercent: 100 });
  elapsed = routeLeaseMs;
  const after = cache.current();
  resolve();
  expect(await after).toMatchObject({ readPercent: 0 });
});

test('before reads are switched legacy answers, afterwards modern', async () => {
  await at.lockstep.control.send('rollback');
  expect((await (await accountsNow()).get(first.id))?.value.owner).toBe('legacy');
  await makeEqual();
  await advanceTo(at.lockstep, 'switch-primary');
  await plantOwner();
  expect((await (await accountsNow()).get(first.id))?.value.owner).toBe('modern');
});
