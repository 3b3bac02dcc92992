import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { deleteOf, fence, forEachEngineRole, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

forEachEngineRole('a list', (at) => {
  test('has an outcome for each item, in the order of the items', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 12 }, { version: '5' }));
    const outcomes = await store.write(
      account,
      [
        writeOf(account, { ...ada, id: 14 }, { kind: 'create', version: '3' }),
        writeOf(account, { ...ada, id: 12 }, { kind: 'create' }),
        deleteOf(['13']),
        writeOf(account, { ...ada, id: 12 }, { readVersion: '1' }),
        deleteOf(['12']),
        writeOf(account, { ...ada, id: 12 }, { kind: 'create' }),
      ],
      fence,
    );
    expect(outcomes).toEqual([
      { status: 'applied', version: '3' },
      { status: 'refused', reason: 'AlreadyExists', version: '5' },
      { status: 'refused', reason: 'NotFound', version: '0' },
      { status: 'stale-base', version: '5' },
      { status: 'applied', version: '6' },
      { status: 'applied', version: '7' },
    ]);
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('of which one is fenced leaves nothing of it', async () => {
    const { store, control } = at();
    const outcomes = await store.write(
      account,
      [
        writeOf(account, { ...ada, id: 31 }, { mode: 'secondary', version: '4' }),
        writeOf(account, { ...ada, id: 32 }),
      ],
      fence,
    );
    expect(outcomes).toEqual([
      { status: 'fenced', epoch: 1 },
      { status: 'applied', version: '1' },
    ]);
    expect((await control('records')).map(({ record_key: key }) => key)).toEqual(['["32"]']);
  });

  test.each([1, 2])(
    'of %i that gave up a key soon lets others on its connection wait for theirs',
    async (count) => {
      const store = at().open({ options: { poolSize: 1 } });
      const write = (version: string) =>
        Array.from({ length: count }, (_, n) => writeOf(account, { ...ada, id: 41 + n }, { version }));
      await store.write(account, write('1'), fence);
      const other = await at().another();
      await other.rows('BEGIN');
      await other.rows("UPDATE accounts SET owner = 'held' WHERE id = 41");
      await expect(store.write(account, write('2'), { ...fence, lockWaitMs: 1_000 })).rejects.toMatchObject({
        code: 'StoreUnavailable',
      });
      let answer = 'none';
      const patient = store.write(account, write('3'), fence).finally(() => {
        answer = 'given';
      });
      await other.waiting(1);
      // Longer than the first one waited.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect(answer).toBe('none');
      await other.rows('COMMIT');
      expect(await patient).toMatchObject(Array(count).fill({ status: 'applied' }));
    },
  );

  test('of nothing is nothing', async () => {
    expect(await at().store.write(account, [], fence)).toEqual([]);
  });

  test.each([
    ['a check constraint', { balance: '-1.00' }, 'StoreRefused', 'balance_is_not_negative'],
    ['a unique index', { email: 'taken' }, 'UniqueConflict', 'email'],
    ['a value that is too long', { owner: 'x'.repeat(101) }, 'StoreRefused', ''],
    ['a value that no column holds', { owner: 'y'.repeat(100).concat(' ') }, 'StoreRefused', 'owner'],
  ])('goes on around %s', async (_, bad, code, named) => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 20, email: 'taken' }));
    const base = (Number((await control('records')).length) + 1) * 1_000;
    const items = Array.from({ length: 9 }, (_unused, index) =>
      writeOf(account, { ...ada, id: base + index, ...(index === 4 ? bad : {}) }),
    );
    const outcomes = await store.write(account, items, fence);
    const failed = outcomes[4];
    expect(failed).toMatchObject({ status: 'failed', failure: { code } });
    expect(failed?.status === 'failed' ? failed.failure.message : '').toContain(named);
    expect(outcomes.toSpliced(4, 1)).toEqual(Array(8).fill({ status: 'applied', version: '1' }));
    expect(await readOne(store, account, [String(base + 4)])).toMatchObject({ version: '0', image: null });
    expect(await control('operations', `id = '${items[4]?.operationId}'`)).toMatchObject([
      { status: 'failed', version: null },
    ]);
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('in opposite orders by concurrent callers do not lock each other out', async () => {
    const { store } = at();
    const ids = Array.from({ length: 20 }, (_, index) => 50_000 + index);
    const call = (caller: number) => {
      const items = ids.map((id) => writeOf(account, { ...ada, id, owner: `caller ${caller}` }));
      return store.write(account, caller % 2 === 0 ? items : items.toReversed(), fence);
    };
    const outcomes = (await Promise.all(Array.from({ length: 8 }, (_, caller) => call(caller)))).flat();
    expect(outcomes.filter(({ status }) => status !== 'applied')).toEqual([]);
    const stored = await store.read(
      account,
      ids.map((id) => [String(id)]),
    );
    expect(stored.map(({ version }) => version)).toEqual(ids.map(() => '8'));
    expect(new Set(stored.map(({ image }) => image?.owner)).size).toBe(1);
  });
});
