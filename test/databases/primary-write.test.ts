import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { deleteOf, forEachEngineRole, imageFrom, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

forEachEngineRole('a deciding write', (at) => {
  test('creates, replaces, updates and deletes', async () => {
    const { store } = at();
    const value = { ...ada, id: 10 };
    const steps = [
      writeOf(account, value, { kind: 'create' }),
      writeOf(account, { ...value, owner: 'Grace' }),
      writeOf(account, { ...value, owner: 'Barbara' }, { kind: 'update' }),
    ];
    for (const [index, step] of steps.entries()) {
      const version = String(index + 1);
      expect(await writeOne(store, account, step)).toEqual({ status: 'applied', version });
      expect(await readOne(store, account, ['10'])).toMatchObject({
        version,
        deleted: false,
        image: step.image,
        operationId: step.operationId,
      });
    }
    expect(await writeOne(store, account, deleteOf(['10']))).toEqual({ status: 'applied', version: '4' });
    expect(await readOne(store, account, ['10'])).toMatchObject({ version: '4', deleted: true, image: null });
  });

  test('replaces a row that was there before Lockstep', async () => {
    const { store, sql } = at();
    await sql(`INSERT INTO accounts (id, owner, balance) VALUES (11, 'old', 5)`);
    expect(await readOne(store, account, ['11'])).toMatchObject({
      version: '0',
      deleted: false,
      digest: null,
    });
    const write = writeOf(account, { ...ada, id: 11 }, { version: '7' });
    expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '7' });
    expect((await readOne(store, account, ['11'])).image).toEqual(write.image);
  });

  test.each([
    ['AlreadyExists', writeOf(account, { ...ada, id: 21 }, { kind: 'create', version: '900' }), '1'],
    ['NotFound', writeOf(account, { ...ada, id: 22 }, { kind: 'update' }), '0'],
    ['NotFound', writeOf(account, { ...ada, id: 23 }, { kind: 'update', image: null }), '0'],
    ['NotFound', deleteOf(['24']), '0'],
    ['VersionConflict', writeOf(account, { ...ada, id: 21 }, { expectedVersion: '99' }), '1'],
    ['VersionConflict', writeOf(account, { ...ada, id: 25 }, { expectedVersion: '1' }), '0'],
  ])('is refused with %s, which is recorded, and writes nothing', async (reason, write, version) => {
    const { store, sql, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 21, email: 'kept' }, { kind: 'create' }));
    const before = [await sql('SELECT * FROM accounts ORDER BY id'), await control('records')];
    expect(await writeOne(store, account, write)).toEqual({ status: 'refused', reason, version });
    expect([await sql('SELECT * FROM accounts ORDER BY id'), await control('records')]).toEqual(before);
    expect(await control('operations', `id = '${write.operationId}'`)).toMatchObject([
      { status: 'failed', reason, version },
    ]);
  });

  test('meets its expected version', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 31 }, { version: '5' }));
    const write = writeOf(account, { ...ada, id: 31, owner: 'Grace' }, { expectedVersion: '5' });
    expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '6' });
  });

  test('creates again what was deleted, above the tombstone', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 41 }, { version: '50' }));
    await writeOne(store, account, deleteOf(['41']));
    expect(await writeOne(store, account, deleteOf(['41']))).toEqual({
      status: 'refused',
      reason: 'NotFound',
      version: '51',
    });
    const again = writeOf(account, { ...ada, id: 41 }, { kind: 'create' });
    expect(await writeOne(store, account, again)).toEqual({ status: 'applied', version: '52' });
    expect(await readOne(store, account, ['41'])).toMatchObject({ deleted: false, image: again.image });
  });

  test('takes the proposed version where that is higher', async () => {
    const { store } = at();
    const first = writeOf(account, { ...ada, id: 51 }, { version: '9223372036854775000' });
    expect(await writeOne(store, account, first)).toEqual({ status: 'applied', version: first.version });
    const second = writeOf(account, { ...ada, id: 51 }, { version: '3' });
    expect(await writeOne(store, account, second)).toEqual({
      status: 'applied',
      version: '9223372036854775001',
    });
  });

  test('gets the first version where it proposes none', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 52 }, { version: '0' });
    expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '1' });
    expect(await readOne(store, account, ['52'])).toMatchObject({ version: '1', image: write.image });
  });

  test('leaves columns alone that the entity does not know', async () => {
    const { store, sql } = at();
    await sql(`INSERT INTO accounts (id, owner, balance, note) VALUES (61, 'old', 5, 'mine')`);
    await writeOne(store, account, writeOf(account, { ...ada, id: 61 }));
    expect(await sql('SELECT note FROM accounts WHERE id = 61')).toEqual([{ note: 'mine' }]);
    expect((await readOne(store, account, ['61'])).image).toEqual(imageFrom(account, { ...ada, id: 61 }));
  });
});
