import { beforeEach, expect, test } from 'vitest';
import type { Chunk, Leftover } from '../../databases/contract/backfill.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import { account } from '../support/accounts.ts';
import {
  deleteOf,
  fence,
  forEachEngineRole,
  migrationName,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const copied = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
const secondaryWrite = { mode: 'secondary', kind: 'replace', operationId: null } as const;
let base = 0;

const copyOf = (
  offset: number,
  given: Partial<typeof ada> & { email?: string } = {},
  item: Partial<WriteItem> = {},
) => writeOf(account, { ...ada, id: base + offset, ...given }, { ...copied, ...item });
const leftover = (items: readonly WriteItem[], unreadable: Leftover['unreadable'] = []) => ({
  items,
  unreadable,
});
const at1 = (offset: number) => String(base + offset);

forEachEngineRole('a copy', (at) => {
  beforeEach(async () => {
    await at().asSecondary();
    base += 1_000;
    await at().store.planChunks(migrationName, 'account', [['500'], ['900']]);
  });

  async function chunk(range = 0): Promise<Chunk> {
    const found = (await at().store.chunks(migrationName, 'account')).find((one) => one.range === range);
    if (!found) throw new Error(`there is no range ${range}`);
    return found;
  }

  test('puts rows and checkpoint in, and leaves no record', async () => {
    const { store, control } = at();
    const items = [copyOf(1), copyOf(2)];
    const next = { ...(await chunk()), cursor: [at1(2)], done: true };
    expect(await store.copyItems(account, leftover(items), fence, next)).toEqual(
      items.map(() => ({ status: 'applied', version: '0' })),
    );
    expect(await chunk()).toEqual({ ...next, copied: 2, skipped: 0, refused: 0 });
    expect(await readOne(store, account, [at1(1)])).toMatchObject({ version: '0', image: items[0]?.image });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('carries the version of a key that has one', async () => {
    const { store } = at();
    const item = copyOf(1, {}, { version: '7' });
    expect(await store.copyItems(account, leftover([item]), fence, await chunk())).toEqual([
      { status: 'applied', version: '7' },
    ]);
    expect(await readOne(store, account, [at1(1)])).toMatchObject({ version: '7', image: item.image });
  });

  test('skips keys that have a record, a tombstone or a row', async () => {
    const { store, sql, control } = at();
    await writeOne(
      store,
      account,
      writeOf(account, { ...ada, id: base + 1, owner: 'live' }, { ...secondaryWrite, version: '5' }),
    );
    await writeOne(store, account, deleteOf([at1(2)], { ...secondaryWrite, version: '5' }));
    await sql(`INSERT INTO accounts (id, owner, balance) VALUES (${base + 3}, 'here', 1)`);
    const outcomes = await store.copyItems(
      account,
      leftover([copyOf(1), copyOf(2), copyOf(3), copyOf(4)]),
      fence,
      await chunk(),
    );
    expect(outcomes).toEqual([
      { status: 'superseded', version: '5' },
      { status: 'superseded', version: '5' },
      { status: 'superseded', version: '0' },
      { status: 'applied', version: '0' },
    ]);
    const rows = await sql(
      `SELECT id, owner FROM accounts WHERE id BETWEEN ${base} AND ${base + 9} ORDER BY id`,
    );
    expect(rows.map(({ owner }) => owner)).toEqual(['live', 'here', 'Ada']);
    expect(await chunk()).toMatchObject({ copied: 1, skipped: 3, refused: 0 });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('repeated skips everything, and counts on', async () => {
    const { store } = at();
    const items = [copyOf(1), copyOf(2)];
    await store.copyItems(account, leftover(items), fence, await chunk());
    const again = await store.copyItems(account, leftover(items), fence, await chunk());
    expect(again).toEqual(items.map(() => ({ status: 'superseded', version: '0' })));
    expect(await chunk()).toMatchObject({ copied: 2, skipped: 2 });
  });

  test('lets a live write in over what it has put in', async () => {
    const { store } = at();
    await store.copyItems(account, leftover([copyOf(1)]), fence, await chunk());
    const live = writeOf(
      account,
      { ...ada, id: base + 1, owner: 'live' },
      { ...secondaryWrite, version: '3' },
    );
    expect(await writeOne(store, account, live)).toEqual({ status: 'applied', version: '3' });
    expect(await readOne(store, account, [at1(1)])).toMatchObject({ version: '3', image: live.image });
  });

  test('isolates and counts the row that is refused', async () => {
    const { store, control } = at();
    const items = [1, 2, 3, 4, 5].map((offset) => copyOf(offset, offset === 3 ? { balance: '-1.00' } : {}));
    const next = { ...(await chunk()), cursor: [at1(5)] };
    const unreadable = [6, 7].map((offset) => ({ key: [at1(offset)], reason: 'a float that is no number' }));
    const outcomes = await store.copyItems(account, leftover(items, unreadable), fence, next);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'applied',
      'applied',
      'failed',
      'applied',
      'applied',
    ]);
    expect(await chunk()).toMatchObject({ cursor: [at1(5)], copied: 4, skipped: 0, refused: 3 });
    const found = await store.differences(migrationName, 10);
    expect(found.map(({ key: [id], verdict }) => [id, verdict]).sort()).toEqual([
      [at1(3), 'refused'],
      [at1(6), 'unreadable'],
      [at1(7), 'unreadable'],
    ]);
    await store.resolveDifferences(
      migrationName,
      'account',
      found.map(({ key }) => key),
    );
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('under another epoch moves neither rows nor checkpoint', async () => {
    const { store, sql } = at();
    const before = await chunk();
    const next = { ...before, cursor: [at1(1)], done: true };
    const outcomes = await store.copyItems(account, leftover([copyOf(1)]), { ...fence, epoch: 0 }, next);
    expect(outcomes).toEqual([{ status: 'fenced', epoch: 1 }]);
    await expect(store.copyItems(account, leftover([]), { ...fence, epoch: 0 }, next)).rejects.toMatchObject({
      code: 'Fenced',
    });
    expect(await chunk()).toEqual(before);
    expect(await sql(`SELECT * FROM accounts WHERE id = ${base + 1}`)).toEqual([]);
  });

  test('of no rows moves the checkpoint', async () => {
    const { store } = at();
    const next = { ...(await chunk(2)), done: true };
    expect(await store.copyItems(account, leftover([]), fence, next)).toEqual([]);
    expect(await chunk(2)).toEqual(next);
  });

  test('keeps what it had put in when ranges are planned again', async () => {
    const { store } = at();
    expect(await store.chunks(migrationName, 'account')).toMatchObject([
      { range: 0, lower: null, upper: ['500'], cursor: null, done: false },
      { range: 1, lower: ['500'], upper: ['900'] },
      { range: 2, lower: ['900'], upper: null },
    ]);
    const next = { ...(await chunk(1)), cursor: ['600'] };
    await store.copyItems(account, leftover([]), fence, next);
    await store.planChunks(migrationName, 'account', [['500'], ['900']]);
    expect(await chunk(1)).toEqual(next);
  });
});
