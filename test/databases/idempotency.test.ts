import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { proxy } from '../support/servers.ts';
import { writeMessage } from '../support/write-message.ts';
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
const known = { status: 'known', recorded: 'completed', reason: null };

forEachEngineRole('an operation id', (at) => {
  test('takes effect once', async () => {
    const { store, control } = at();
    const write = writeOf(account, { ...ada, id: 10 }, { kind: 'create' });
    expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '1' });
    expect(await writeOne(store, account, write)).toEqual({ ...known, version: '1' });
    expect(await control('operations', `id = '${write.operationId}'`)).toHaveLength(1);
  });

  test('is known after the row has changed, and changes nothing', async () => {
    const { store } = at();
    const first = writeOf(account, { ...ada, id: 11 });
    const second = writeOf(account, { ...ada, id: 11, owner: 'Grace' });
    await writeOne(store, account, first);
    await writeOne(store, account, second);
    expect(await writeOne(store, account, first)).toEqual({ ...known, version: '1' });
    expect(await readOne(store, account, ['11'])).toMatchObject({ version: '2', image: second.image });
  });

  test('is known after the row was deleted, and does not bring it back', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 12 });
    await writeOne(store, account, write);
    await writeOne(store, account, deleteOf(['12']));
    expect(await writeOne(store, account, write)).toEqual({ ...known, version: '1' });
    expect(await readOne(store, account, ['12'])).toMatchObject({ version: '2', deleted: true, image: null });
  });

  test('answers a refusal again, even where it would be granted by now', async () => {
    const { store, control } = at();
    const write = writeOf(account, { ...ada, id: 13 }, { kind: 'update' });
    const refused = { status: 'refused', reason: 'NotFound', version: '0' };
    expect(await writeOne(store, account, write)).toEqual(refused);
    const repeated = { status: 'known', recorded: 'failed', reason: 'NotFound', version: '0' };
    expect(await writeOne(store, account, write)).toEqual(repeated);
    expect(await control('records', `record_key = '["13"]'`)).toEqual([]);
    await writeOne(store, account, writeOf(account, { ...ada, id: 13 }, { kind: 'create' }));
    expect(await writeOne(store, account, write)).toEqual(repeated);
  });

  test('is applied by one of two callers at the same time', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 14 });
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => writeOne(store, account, write)));
    expect(outcomes.filter(({ status }) => status === 'applied')).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status === 'known')).toHaveLength(3);
    expect((await readOne(store, account, ['14'])).version).toBe('1');
  });

  test('twice in one list takes effect once', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 15 });
    const other = writeOf(account, { ...ada, id: 16 });
    expect(await store.write(account, [write, other, write], fence)).toEqual([
      { status: 'applied', version: '1' },
      { status: 'applied', version: '1' },
      { ...known, version: '1' },
    ]);
  });

  test('of other keys in several lists at a time takes effect in one of them', async () => {
    const { store } = at();
    const operationIds = [1, 2, 3].map(() => operationId());
    const list = (caller: number) =>
      operationIds.map((id, index) =>
        writeOf(account, { ...ada, id: 70_000 + caller * 10 + index }, { operationId: id }),
      );
    const lists = Array.from({ length: 6 }, (_, caller) => list(caller));
    const outcomes = await Promise.all(lists.map((items) => store.write(account, items, fence)));
    for (const index of operationIds.keys()) {
      const statuses = outcomes.map((all) => all[index]?.status);
      expect(statuses.toSorted()).toEqual(['applied', ...Array(5).fill('id-taken')]);
    }
  });

  test('of another record, another kind or another migration is no repeat', async () => {
    const { store, sql, engineRole } = at();
    const write = writeOf(account, { ...ada, id: 80_000 }, { kind: 'create' });
    const { operationId: id } = write;
    await writeOne(store, account, write);
    const others = [
      writeOf(account, { ...ada, id: 80_001 }, { kind: 'create', operationId: id }),
      writeOf(account, { ...ada, id: 80_000, owner: 'Grace' }, { operationId: id }),
    ];
    for (const other of others) expect(await writeOne(store, account, other)).toEqual({ status: 'id-taken' });
    const operations = engineRole.engine === 'MariaDB' ? 'lockstep_operations' : 'lockstep.operations';
    await sql(`UPDATE ${operations} SET migration = 'other' WHERE id = '${id}'`);
    expect(await writeOne(store, account, write)).toEqual({ status: 'id-taken' });
    expect(await readOne(store, account, ['80001'])).toMatchObject({ image: null });
    expect(await readOne(store, account, ['80000'])).toMatchObject({ version: '1', image: write.image });
  });

  test('makes a retry harmless when the answer was lost', async () => {
    const { store, open, url } = at();
    await using between = await proxy(url);
    const through = open({ url: between.url });
    await through.ping();
    const write = writeOf(account, { ...ada, id: 17 });
    const lost = between.dropNextAnswer(writeMessage(store, account.name));
    await expect(writeOne(through, account, write)).rejects.toMatchObject({ code: 'StoreUnavailable' });
    await lost;
    // The server may still be at it: the repeat waits behind it, or finds it done.
    expect(await writeOne(store, account, write)).toMatchObject({ version: '1' });
    expect(await writeOne(store, account, write)).toEqual({ ...known, version: '1' });
  });
});
