import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { deleteOf, forEachEngineRole, operationId, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const newest = { version: '900' };

/** Such a write may be made before anything is looked at: what it meets is told and left as if it had looked first. */
forEachEngineRole('a write whose clock is ahead of the record', (at, { engine }) => {
  test('has the version that it proposes, whether or not there is a record or a row', async () => {
    const { store, sql } = at();
    await sql(`INSERT INTO accounts (id, owner, balance) VALUES (11, 'old', 5), (12, 'old', 5)`);
    const steps = [
      writeOf(account, { ...ada, id: 10 }, { kind: 'create', version: '5' }),
      writeOf(account, { ...ada, id: 10, owner: 'Grace' }, { version: '6' }),
      writeOf(
        account,
        { ...ada, id: 10, owner: 'Barbara' },
        { kind: 'update', version: '7', readVersion: '6', expectedVersion: '6' },
      ),
      deleteOf(['10'], { version: '8', expectedVersion: '7' }),
      writeOf(account, { ...ada, id: 10 }, { kind: 'create', version: '9' }),
      writeOf(account, { ...ada, id: 11 }, { kind: 'update', version: '5', readVersion: '0' }),
      deleteOf(['12'], { version: '5', expectedVersion: '0' }),
      writeOf(account, { ...ada, id: 12 }, { version: '6' }),
    ];
    for (const step of steps) {
      const { version, operationId: id, image, key } = step;
      expect(await writeOne(store, account, step)).toEqual({ status: 'applied', version });
      expect(await readOne(store, account, key)).toMatchObject({
        version,
        deleted: image === null,
        image,
        operationId: id,
      });
    }
  });

  test.each([
    ['AlreadyExists', writeOf(account, { ...ada, id: 21 }, { ...newest, kind: 'create' }), '5'],
    ['AlreadyExists', writeOf(account, { ...ada, id: 22 }, { ...newest, kind: 'create' }), '0'],
    ['NotFound', writeOf(account, { ...ada, id: 23 }, { ...newest, kind: 'update', readVersion: '5' }), '5'],
    ['NotFound', writeOf(account, { ...ada, id: 24 }, { ...newest, kind: 'update' }), '0'],
    ['NotFound', deleteOf(['23'], newest), '5'],
    ['NotFound', deleteOf(['24'], newest), '0'],
    ['VersionConflict', writeOf(account, { ...ada, id: 21 }, { ...newest, expectedVersion: '4' }), '5'],
    ['VersionConflict', writeOf(account, { ...ada, id: 21 }, { ...newest, expectedVersion: '0' }), '5'],
    ['VersionConflict', writeOf(account, { ...ada, id: 24 }, { ...newest, expectedVersion: '4' }), '0'],
  ])('is refused with %s, and leaves record and row', async (reason, write, version) => {
    const { store, sql, control } = at();
    for (const id of [21, 23])
      await writeOne(store, account, writeOf(account, { ...ada, id }, { version: '5' }));
    await sql(`INSERT INTO accounts (id, owner, balance) VALUES (22, 'old', 5)`);
    await sql('DELETE FROM accounts WHERE id = 23');
    const before = [await sql('SELECT * FROM accounts ORDER BY id'), await control('records')];
    expect(await writeOne(store, account, write)).toEqual({ status: 'refused', reason, version });
    expect([await sql('SELECT * FROM accounts ORDER BY id'), await control('records')]).toEqual(before);
    expect(await control('operations', `id = '${write.operationId}'`)).toMatchObject([
      { status: 'failed', reason, version },
    ]);
  });

  test.each([
    ['a check', { balance: '-1.00' }],
    ['a length', { owner: 'x'.repeat(101) }],
    ['a unique index', { email: 'taken' }],
  ])('is told of the row that is there, though it would break %s', async (_, broken) => {
    const { store, sql } = at();
    await sql(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (25, 'old', NULL, 5), (26, 'old', 'taken', 5)`,
    );
    const write = writeOf(account, { ...ada, id: 25, ...broken }, { ...newest, kind: 'create' });
    expect(await writeOne(store, account, write)).toEqual({
      status: 'refused',
      reason: 'AlreadyExists',
      version: '0',
    });
  });

  test('is computed again where the record is what its caller expects, and not what it was computed from', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 31 }, { version: '5' }));
    const write = writeOf(
      account,
      { ...ada, id: 31, owner: 'stale' },
      { ...newest, kind: 'update', readVersion: '4', expectedVersion: '5' },
    );
    expect(await writeOne(store, account, write)).toEqual({ status: 'stale-base', version: '5' });
    expect((await readOne(store, account, ['31'])).image?.owner).toBe('Ada');
  });

  test('and whose operation is known takes no effect a second time', async () => {
    const { store } = at();
    const first = writeOf(account, { ...ada, id: 41 }, { version: '5', operationId: operationId() });
    await writeOne(store, account, first);
    await writeOne(store, account, writeOf(account, { ...ada, id: 41, owner: 'Grace' }, { version: '6' }));
    const repeat = { ...first, ...newest };
    expect(await writeOne(store, account, repeat)).toMatchObject({ status: 'known', version: '5' });
    expect(await readOne(store, account, ['41'])).toMatchObject({ version: '6', image: { owner: 'Grace' } });
  });

  test('and breaks a rule of the table leaves nothing', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 51, email: 'taken' }, { version: '5' }));
    const write = writeOf(account, { ...ada, id: 52, email: 'taken' }, newest);
    expect(await writeOne(store, account, write)).toMatchObject({ status: 'failed' });
    expect(await control('records', `record_key = '["52"]'`)).toEqual([]);
  });

  test('and has waited for a lock in vain waits no second time', async ({ skip }) => {
    if (engine === 'PostgreSQL') skip('it attempts nothing');
    const { store, sql, control } = at();
    // A table without transactions keeps what a rollback takes back.
    await sql('CREATE TABLE waits (waited INT) ENGINE = MyISAM');
    await sql(
      `CREATE TRIGGER waiting BEFORE INSERT ON accounts FOR EACH ROW BEGIN
         INSERT INTO waits VALUES (1);
         SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'as if it had waited';
       END`,
    );
    await writeOne(store, account, writeOf(account, { ...ada, id: 61 }, newest)).catch(() => undefined);
    expect(await sql('SELECT * FROM waits')).toHaveLength(1);
    expect(await control('records', `record_key = '["61"]'`)).toEqual([]);
    await sql('DROP TRIGGER waiting');
    await sql('DROP TABLE waits');
  });
});
