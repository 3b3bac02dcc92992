import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { newAccount, refusedByLegacy, refusedByModern, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, storedIn, versionsOf } from '../support/inspect.ts';

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', { from });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const refusals: [StoreName, string][] = [
    ['modern', refusedByModern],
    ['legacy', refusedByLegacy],
  ];

  test('both stores have the write when the caller is answered', async () => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount();
    const { operationId } = await twins.create(value);
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
    for (const store of ['legacy', 'modern'] as const)
      expect(await entryIn(at, store, operationId)).toMatchObject({ status: 'completed' });
    const { version } = await twins.update(value.id, { owner: 'second' });
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: 'second' });
    expect(await versionsOf(at, twin, value.id)).toEqual([version, version]);
    await twins.delete(value.id);
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
  });

  test.each(refusals)('a create that %s refuses leaves no trace in the other', async (store, balance) => {
    const value = newAccount({ balance });
    const failure = await at.lockstep
      .repository(twin)
      .create(value)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LockstepError);
    expect(failure).toMatchObject({ code: 'StoreRefused', details: { store, entity: 'twin' } });
    expect(String(failure)).not.toContain(balance);
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
  });

  test.each(refusals)('a refused create that is sent again to %s is refused again', async (_, balance) => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount({ balance });
    const operationId = `again-${value.id}`;
    await expect(twins.create(value, { operationId })).rejects.toMatchObject({ code: 'StoreRefused' });
    await expect(twins.create(value, { operationId })).rejects.toBeInstanceOf(LockstepError);
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
  });

  test('a create that was undone stays undone when it is sent again after the reason is gone', async () => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount({ balance: refusedByModern });
    const operationId = `undone-${value.id}`;
    const first = await twins.create(value, { operationId }).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'StoreRefused' });
    await at.sql.modern('ALTER TABLE twins DROP CONSTRAINT twins_limit');
    try {
      await expect(twins.create(value, { operationId })).rejects.toEqual(first);
    } finally {
      await at.sql.modern('ALTER TABLE twins ADD CONSTRAINT twins_limit CHECK (balance < 1000)');
    }
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
  });

  test('a key whose create was undone can be created', async () => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount({ balance: refusedByModern });
    await expect(twins.create(value)).rejects.toMatchObject({ code: 'StoreRefused' });
    await twins.create({ ...value, balance: '2.00' });
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ balance: '2.00' });
  });

  test.each(refusals)(
    'a replace and an update that %s refuses leave the image from before',
    async (store, balance) => {
      const twins = at.lockstep.repository(twin);
      const value = newAccount();
      const { version } = await twins.create(value);
      await expect(twins.replace({ ...value, owner: 'lost', balance })).rejects.toMatchObject({
        code: 'StoreRefused',
        details: { store },
      });
      await expect(twins.update(value.id, { balance })).rejects.toMatchObject({
        code: 'StoreRefused',
        details: { store },
      });
      for (const row of await rowsOf(at, 'twins', value.id)) {
        expect(row).toMatchObject({ owner: value.owner, balance: '1.00' });
      }
      const [legacy, modern] = await versionsOf(at, twin, value.id);
      expect(legacy).toBe(modern);
      expect(BigInt(legacy ?? 0)).toBeGreaterThanOrEqual(BigInt(version ?? 0));
    },
  );

  test('a delete that the secondary refuses brings the row back in the primary', async () => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount();
    await twins.create(value);
    await at.sql.modern(`CREATE TABLE pins (id integer PRIMARY KEY, twin integer REFERENCES twins (id))`);
    await at.sql.modern(`INSERT INTO pins VALUES (1, ${value.id})`);
    await expect(twins.delete(value.id)).rejects.toMatchObject({
      code: 'StoreRefused',
      details: { store: 'modern' },
    });
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
    expect(await storedIn(at, 'legacy', twin, value.id)).toMatchObject({ deleted: false });
  });

  test('a create of a key that exists changes nothing in either store', async () => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount();
    await twins.create(value);
    await expect(twins.create({ ...value, owner: 'intruder' })).rejects.toMatchObject({
      code: 'AlreadyExists',
    });
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
  });

  test('a secondary that is down holds the caller back, and then has the write', async () => {
    const value = newAccount();
    using second = at.gates.close('modern', 'write', { after: 1 });
    await at.proxies.modern.cut();
    const writing = at.lockstep.repository(twin).create(value);
    // The first try has found it away.
    await second.waiting();
    await at.proxies.modern.restore();
    second.open();
    await writing;
    await drained(at);
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
  });
});
