import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { forEachEngineRole, migrationName, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

function entryOf({ operationId, key }: ReturnType<typeof writeOf>) {
  return { id: operationId ?? '', entity: 'account', key, kind: 'replace' };
}

forEachEngineRole('an abort marker', (at) => {
  test('that comes before the write keeps it out for good', async () => {
    const { store, sql, control } = at();
    const write = writeOf(account, { ...ada, id: 10 });
    expect(await store.abort(entryOf(write), migrationName)).toMatchObject({
      id: write.operationId,
      status: 'aborted',
      key: ['10'],
      version: null,
    });
    const known = { status: 'known', recorded: 'aborted', version: null, reason: null };
    expect(await writeOne(store, account, write)).toEqual(known);
    expect(await writeOne(store, account, { ...write, readVersion: '4' })).toEqual(known);
    expect(await sql('SELECT * FROM accounts WHERE id = 10')).toEqual([]);
    expect(await control('records', `record_key = '["10"]'`)).toEqual([]);
  });

  test('that comes after the write returns what the write did', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 11 }, { status: 'pending', before: null });
    await writeOne(store, account, write);
    expect(await store.abort(entryOf(write), migrationName)).toMatchObject({
      status: 'pending',
      version: '1',
      entity: 'account',
      kind: 'replace',
    });
    expect((await readOne(store, account, ['11'])).image).toEqual(write.image);
  });

  test('waits behind a write that is still open, and then returns it', async () => {
    const { store, another } = at();
    const blocker = await another();
    const watcher = await another();
    await blocker.rows('START TRANSACTION');
    await blocker.rows(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (9012, 'other', 'wanted', 5)`,
    );
    const write = writeOf(account, { ...ada, id: 12, email: 'wanted' });
    const zombie = writeOne(store, account, write);
    await watcher.waiting(1);
    let answered = false;
    const abort = store.abort(entryOf(write), migrationName).finally(() => {
      answered = true;
    });
    await watcher.waiting(2);
    expect(answered).toBe(false);
    await blocker.rows('ROLLBACK');
    expect(await zombie).toEqual({ status: 'applied', version: '1' });
    expect(await abort).toMatchObject({ status: 'completed', version: '1' });
  });

  test('stands when the write that was open is rolled back', async () => {
    const { store, sql, another, open } = at();
    const impatient = open({ options: { statementTimeoutMs: 1_000 } });
    const blocker = await another();
    const watcher = await another();
    await blocker.rows('START TRANSACTION');
    await blocker.rows(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (9013, 'other', 'sought', 5)`,
    );
    const write = writeOf(account, { ...ada, id: 13, email: 'sought' });
    const zombie = writeOne(impatient, account, write).catch((error: { code: string }) => error.code);
    await watcher.waiting(1);
    const abort = store.abort(entryOf(write), migrationName);
    expect(await zombie).toBe('StoreUnavailable');
    expect(await abort).toMatchObject({ status: 'aborted' });
    await blocker.rows('ROLLBACK');
    expect(await writeOne(store, account, write)).toMatchObject({ status: 'known', recorded: 'aborted' });
    expect(await sql('SELECT owner FROM accounts WHERE id = 13')).toEqual([]);
  });

  test('that comes after the store was primary is refused: the new primary would not know it', async () => {
    const { store, control } = at();
    const write = writeOf(account, { ...ada, id: 15 });
    await at().asSecondary(2);
    for (const epoch of [1, 2]) {
      const closing = store.abort(entryOf(write), migrationName, { primary: { epoch } });
      await expect(closing).rejects.toMatchObject({ code: 'Fenced' });
    }
    expect(await control('operations')).toEqual([]);
    await at().asPrimary(3);
    expect(await store.abort(entryOf(write), migrationName, { primary: { epoch: 3 } })).toMatchObject({
      status: 'aborted',
    });
  });

  test('repeated gives the same answer', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 14 });
    const first = await store.abort(entryOf(write), migrationName);
    expect(await store.abort(entryOf(write), migrationName)).toEqual(first);
  });
});
