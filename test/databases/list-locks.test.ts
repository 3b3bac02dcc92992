import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import {
  deleteOf,
  fence,
  forEachEngineRole,
  type Opened,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

forEachEngineRole('a list and the locks of others', (at, { engine }) => {
  const records = () => (at().engineRole.engine === 'MariaDB' ? 'lockstep_records' : 'lockstep.records');
  const record = (id: number, version: number) =>
    `INSERT INTO ${records()} (entity, record_key, version, deleted) VALUES ('account', '["${id}"]', ${version}, ${
      at().engineRole.engine === 'MariaDB' ? '0' : 'false'
    })`;
  const row = (id: number) => `INSERT INTO accounts (id, owner, balance) VALUES (${id}, 'other', 1)`;

  /** What a list is told that has waited for another session, which did these statements and committed once it waited. */
  async function answersBehind(
    items: Parameters<Opened['store']['write']>[1],
    before: readonly string[],
    after: readonly string[] = [],
  ) {
    const { store, another } = at();
    const other = await another();
    await other.rows('BEGIN');
    for (const statement of before) await other.rows(statement);
    const answer = store.write(account, items, fence);
    try {
      await other.waiting(1);
      for (const statement of after) await other.rows(statement);
    } finally {
      await other.rows('COMMIT');
    }
    return await answer;
  }

  test('decides behind one that brings a record', async () => {
    const items = [
      writeOf(account, { ...ada, id: 1 }, { kind: 'create' }),
      writeOf(account, { ...ada, id: 2 }, { kind: 'create' }),
    ];
    expect(await answersBehind(items, [record(2, 7), row(2)])).toEqual([
      { status: 'applied', version: '1' },
      { status: 'refused', reason: 'AlreadyExists', version: '7' },
    ]);
  });

  test('decides behind one that changes a record', async () => {
    const { store } = at();
    for (const id of [1, 2]) await writeOne(store, account, writeOf(account, { ...ada, id }));
    const items = [
      writeOf(account, { ...ada, id: 1 }, { kind: 'update' }),
      writeOf(account, { ...ada, id: 2 }, { kind: 'update' }),
    ];
    const changing = [
      `UPDATE ${records()} SET version = 7 WHERE entity = 'account' AND record_key = '["2"]'`,
      'DELETE FROM accounts WHERE id = 2',
    ];
    expect(await answersBehind(items, changing)).toEqual([
      { status: 'applied', version: '2' },
      { status: 'refused', reason: 'NotFound', version: '7' },
    ]);
  });

  test('decides behind one that only locked a key, and leaves nothing', async () => {
    const items = [
      writeOf(account, { ...ada, id: 1 }),
      writeOf(account, { ...ada, id: 2 }, { expectedVersion: '0' }),
    ];
    const unlock = `DELETE FROM ${records()} WHERE entity = 'account' AND record_key = '["2"]'`;
    expect(await answersBehind(items, [record(2, 0)], [unlock])).toEqual([
      { status: 'applied', version: '1' },
      { status: 'applied', version: '1' },
    ]);
  });

  // A deadlock costs a second there: it is looked for no earlier.
  test.runIf(engine === 'PostgreSQL')('holds none while it waits for one that is not there yet', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 2 }));
    const items = [1, 2].map((id) => writeOf(account, { ...ada, id, owner: 'Grace' }));
    const locked = `SELECT version FROM ${records()} WHERE entity = 'account' AND record_key = '["2"]' FOR UPDATE NOWAIT`;
    expect(await answersBehind(items, [record(1, 7), row(1)], [locked])).toEqual([
      { status: 'applied', version: '8' },
      { status: 'applied', version: '2' },
    ]);
  });

  test('waits for no record but its own', async () => {
    const { store, another } = at();
    for (const id of [1, 2, 3]) await writeOne(store, account, writeOf(account, { ...ada, id }));
    const other = await another();
    await other.rows('BEGIN');
    await other.rows(`UPDATE ${records()} SET version = 9 WHERE entity = 'account' AND record_key = '["3"]'`);
    const items = [1, 2].map((id) => writeOf(account, { ...ada, id, owner: 'Grace' }));
    const outcomes = await store
      .write(account, items, { ...fence, lockWaitMs: 1_000 })
      .finally(() => other.rows('ROLLBACK'));
    expect(outcomes).toEqual(Array(2).fill({ status: 'applied', version: '2' }));
  });

  test('with records that are there and others that are not, by concurrent callers, is written by each of them', async () => {
    const { store } = at();
    const ids = Array.from({ length: 12 }, (_, index) => 100 + index);
    for (const id of ids.filter((id) => id % 3 === 0))
      await writeOne(store, account, writeOf(account, { ...ada, id }));
    const call = (caller: number) => {
      const items = ids.map((id) => writeOf(account, { ...ada, id, owner: `caller ${caller}` }));
      return store.write(account, caller % 2 === 0 ? items : items.toReversed(), fence);
    };
    const outcomes = (await Promise.all(Array.from({ length: 6 }, (_, caller) => call(caller)))).flat();
    expect(outcomes.filter(({ status }) => status !== 'applied')).toEqual([]);
    for (const id of ids)
      expect((await readOne(store, account, [String(id)])).version).toBe(id % 3 === 0 ? '7' : '6');
  });

  // Rows are looked at only where one of the items is decided by them.
  test.each([
    ['create', (id: number) => writeOf(account, { ...ada, id }, { kind: 'create' }), 'AlreadyExists', 1],
    ['update', (id: number) => writeOf(account, { ...ada, id }, { kind: 'update' }), 'NotFound', 2],
    ['delete', (id: number) => deleteOf([String(id)]), 'NotFound', 2],
  ] as const)('of nothing but a %s of each key is decided by its rows', async (_, item, reason, refused) => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 1 }));
    const outcomes = await store.write(account, [item(1), item(2)], fence);
    expect(outcomes[refused - 1]).toMatchObject({ status: 'refused', reason });
    expect(outcomes[2 - refused]).toMatchObject({ status: 'applied' });
  });
});
