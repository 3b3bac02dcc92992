import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import {
  deleteOf,
  fence,
  forEachEngineRole,
  operationId,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

forEachEngineRole('a write computed from a version', (at) => {
  test('that has moved on records nothing, and may be tried again under the same id', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 10 }, { version: '5' }));
    const write = writeOf(account, { ...ada, id: 10, owner: 'Grace' }, { kind: 'update', readVersion: '4' });
    const records = await control('records');
    expect(await writeOne(store, account, write)).toEqual({ status: 'stale-base', version: '5' });
    expect(await control('operations', `id = '${write.operationId}'`)).toEqual([]);
    expect(await control('records')).toEqual(records);
    const again = { ...write, readVersion: '5' };
    expect(await writeOne(store, account, again)).toEqual({ status: 'applied', version: '6' });
  });

  test('answers known when its first try took effect and the answer was lost', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 11 }, { version: '5' }));
    const write = writeOf(account, { ...ada, id: 11, owner: 'Grace' }, { kind: 'update', readVersion: '5' });
    await writeOne(store, account, write);
    const known = { status: 'known', version: '6', recorded: 'completed', reason: null };
    expect(await writeOne(store, account, write)).toEqual(known);
    expect(await writeOne(store, account, { ...write, readVersion: '6' })).toEqual(known);
    expect(await writeOne(store, account, { ...write, readVersion: '999' })).toEqual(known);
  });

  test('answers known among others too, where one of them is of a stale base', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 15 }, { version: '5' }));
    const repeat = writeOf(account, { ...ada, id: 15, owner: 'Grace' }, { kind: 'update', readVersion: '5' });
    await writeOne(store, account, repeat);
    const other = { ...repeat, operationId: operationId() };
    const first = writeOf(account, { ...ada, id: 16 }, { version: '5' });
    expect(await store.write(account, [repeat, other, first], fence)).toEqual([
      { status: 'known', version: '6', recorded: 'completed', reason: null },
      { status: 'stale-base', version: '6' },
      { status: 'applied', version: '5' },
    ]);
  });

  test('of a row from before Lockstep is applied', async () => {
    const { store, sql, control } = at();
    await sql(`INSERT INTO accounts (id, owner, balance) VALUES (12, 'old', 5)`);
    const write = writeOf(account, { ...ada, id: 12 }, { kind: 'update', readVersion: '0' });
    expect(await writeOne(store, account, { ...write, readVersion: '3' })).toEqual({
      status: 'stale-base',
      version: '0',
    });
    expect(await control('records', `record_key = '["12"]'`)).toEqual([]);
    expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '1' });
  });

  test('without an image, because there was no row, does not delete the row that has come since', async () => {
    const { store } = at();
    const write = { ...deleteOf(['13'], { version: '9' }), kind: 'update' as const };
    await writeOne(store, account, writeOf(account, { ...ada, id: 13 }, { kind: 'create' }));
    expect(await writeOne(store, account, write)).toEqual({ status: 'stale-base', version: '1' });
    expect((await readOne(store, account, ['13'])).image).not.toBeNull();
  });

  test('loses no increment under concurrent writers', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 14, balance: '0.00' }));
    const deposit = async () => {
      const write = writeOf(account, { ...ada, id: 14 }, { kind: 'update' });
      for (;;) {
        const stored = await readOne(store, account, ['14']);
        const balance = `${Number(stored.image?.balance) + 1}.00`;
        const image = { ...stored.image, balance };
        const outcome = await writeOne(store, account, { ...write, image, readVersion: stored.version });
        if (outcome.status === 'applied') return;
        expect(outcome.status).toBe('stale-base');
      }
    };
    await Promise.all(Array.from({ length: 12 }, deposit));
    expect((await readOne(store, account, ['14'])).image?.balance).toBe('12.00');
  });
});
