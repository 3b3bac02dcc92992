import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, versionsOf } from '../support/inspect.ts';

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', { from });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const inOrder = (versions: readonly (string | null)[]) => versions.map((version) => BigInt(version ?? 0));
  const ascending = (left: bigint, right: bigint) => (left < right ? -1 : 1);

  test('each write of a key gets a higher version, and both stores end with the last one', async () => {
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    const receipts = [
      await accounts.create(value),
      await accounts.update(value.id, { owner: 'second' }),
      await accounts.replace({ ...value, owner: 'third' }),
      await accounts.delete(value.id),
      await accounts.create({ ...value, owner: 'fifth' }),
    ];
    const versions = inOrder(receipts.map(({ version }) => version));
    expect(versions).toEqual([...new Set(versions)].sort(ascending));
    await drained(at);
    const last = receipts.at(-1)?.version;
    expect(await versionsOf(at, account, value.id)).toEqual([last, last]);
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'fifth' });
  });

  test('a deleted key stays deleted in both stores, under a tombstone', async () => {
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    await accounts.create(value);
    const { version } = await accounts.delete(value.id);
    await drained(at);
    expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
    expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
  });

  test('thirty concurrent updates of one key lose nothing', async () => {
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    await accounts.create(value);
    const receipts = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        index % 3 === 0
          ? accounts.update(value.id, { owner: `owner by ${index}` })
          : index % 3 === 1
            ? accounts.update(value.id, { email: `${value.id}-${index}@example.org` })
            : accounts.update(value.id, { balance: `${index}.50` }),
      ),
    );
    const byVersion = receipts
      .map(({ version }, index) => ({ version: BigInt(version ?? 0), index }))
      .sort((left, right) => ascending(left.version, right.version));
    expect(new Set(byVersion.map(({ version }) => version)).size).toBe(30);
    const lastOf = (kind: number) => byVersion.filter(({ index }) => index % 3 === kind).at(-1)?.index;
    await drained(at);
    const expected = {
      owner: `owner by ${lastOf(0)}`,
      email: `${value.id}-${lastOf(1)}@example.org`,
      balance: `${lastOf(2)}.50`,
    };
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject(expected);
    const highest = String(byVersion.at(-1)?.version);
    expect(await versionsOf(at, account, value.id)).toEqual([highest, highest]);
  });

  test('of concurrent creates of one key exactly one succeeds', async () => {
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => accounts.create({ ...value, owner: `creator ${index}` })),
    );
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'AlreadyExists' });
    }
    await drained(at);
    for (const row of await rowsOf(at, 'accounts', value.id)) {
      expect(row).toMatchObject({ owner: `creator ${winners[0]}` });
    }
  });

  test('a write that expects an older version is refused', async () => {
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    const { token } = await accounts.create(value);
    await accounts.update(value.id, { owner: 'newer' });
    await expect(
      accounts.update(value.id, { owner: 'lost' }, { ifUnchangedSince: token }),
    ).rejects.toMatchObject({ code: 'VersionConflict' });
    await drained(at);
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'newer' });
  });

  test('what the primary refuses leaves no trace', async () => {
    const accounts = at.lockstep.repository(account);
    const { id } = newAccount();
    await expect(accounts.update(id, { owner: 'nobody' })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(accounts.delete(id)).rejects.toMatchObject({ code: 'NotFound' });
    expect(await rowsOf(at, 'accounts', id)).toEqual([null, null]);
    expect(await versionsOf(at, account, id)).toEqual(['0', '0']);
  });
});
