import { expect, test } from 'vitest';
import type { Raise } from '../../databases/contract/capture.ts';
import { account } from '../support/accounts.ts';
import { atEachPlace, fence, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const digest = 'a'.repeat(64);

function raiseOf(id: number, base: string, version: string, given: Partial<Raise> = {}): Raise {
  return { entity: account.name, key: [String(id)], base, version, deleted: false, digest, ...given };
}

atEachPlace('a raise', (at) => {
  test('gives a record a new version, and touches no row', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, ada, { version: '5' }));
    const before = await readOne(store, account, ['1']);
    expect(await store.raise([raiseOf(1, '5', '9')], fence)).toBe('raised');
    expect(await readOne(store, account, ['1'])).toEqual({
      ...before,
      version: '9',
      digest,
      operationId: null,
    });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('makes a record, or a tombstone, where there was none', async () => {
    const { store } = at();
    expect(await store.raise([raiseOf(2, '0', '3', { deleted: true, digest: null })], fence)).toBe('raised');
    expect(await readOne(store, account, ['2'])).toMatchObject({ version: '3', deleted: true, image: null });
  });

  test('that comes after a write changes nothing, none of its list', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 3 }, { version: '5' }));
    const raises = [raiseOf(4, '0', '7'), raiseOf(3, '4', '7')];
    expect(await store.raise(raises, fence)).toBe('moved');
    expect(await readOne(store, account, ['3'])).toMatchObject({ version: '5' });
    expect(await readOne(store, account, ['4'])).toMatchObject({ version: '0' });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('is for the store that decides, under its epoch', async () => {
    const { store, asPrimary, asSecondary } = at();
    await expect(store.raise([raiseOf(5, '0', '7')], { ...fence, epoch: 99 })).rejects.toMatchObject({
      code: 'Fenced',
    });
    await asSecondary(2);
    await expect(store.raise([raiseOf(5, '0', '7')], { ...fence, epoch: 2 })).rejects.toMatchObject({
      code: 'Fenced',
    });
    await asPrimary(3);
    expect(await store.raise([raiseOf(5, '0', '7')], { ...fence, epoch: 3 })).toBe('raised');
  });

  test('waits for the write of the same key, and then sees its version', async () => {
    const { store, another, asPrimary, place } = at();
    await asPrimary(4);
    const epoch = { ...fence, epoch: 4 };
    await writeOne(store, account, writeOf(account, { ...ada, id: 6 }, { version: '5' }), epoch);
    const other = await another();
    const records = place.engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
    await other.rows('BEGIN');
    await other.rows(`UPDATE ${records} SET version = 6 WHERE entity = 'account' AND record_key = '["6"]'`);
    const raised = store.raise([raiseOf(6, '5', '7')], epoch);
    await other.waiting();
    await other.rows('COMMIT');
    expect(await raised).toBe('moved');
  });
});
