import { beforeEach, expect, test } from 'vitest';
import type { Chunk } from '../../databases/contract/backfill.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import { account } from '../support/accounts.ts';
import { copyLeftover } from './copy-leftover.ts';
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
const nothing = {
  status: 'committed',
  copied: 0,
  skipped: 0,
  refused: 0,
  waiting: 0,
  foundExisting: false,
  outOfOrder: false,
};
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
    const next = { cursor: [at1(2)], done: true };
    const from = await chunk();
    expect(await copyLeftover(store, account, items, from, { next })).toEqual({ ...nothing, copied: 2 });
    expect(await chunk()).toEqual({ ...from, ...next, copied: 2, skipped: 0, refused: 0 });
    expect(await readOne(store, account, [at1(1)])).toMatchObject({ version: '0', image: items[0]?.image });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('carries the version of a key that has one', async () => {
    const { store } = at();
    const item = copyOf(1, {}, { version: '7' });
    expect(await copyLeftover(store, account, [item], await chunk())).toMatchObject({ copied: 1 });
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
    const items = [copyOf(1), copyOf(2), copyOf(3), copyOf(4)];
    expect(await copyLeftover(store, account, items, await chunk())).toEqual({
      ...nothing,
      copied: 1,
      skipped: 3,
    });
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
    await copyLeftover(store, account, items, await chunk());
    expect(await copyLeftover(store, account, items, await chunk())).toEqual({ ...nothing, skipped: 2 });
    expect(await chunk()).toMatchObject({ copied: 2, skipped: 2 });
  });

  test('lets a live write in over what it has put in', async () => {
    const { store } = at();
    await copyLeftover(store, account, [copyOf(1)], await chunk());
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
    const next = { cursor: [at1(5)] };
    const unreadable = [6, 7].map((offset) => ({ key: [at1(offset)], reason: 'a float that is no number' }));
    expect(await copyLeftover(store, account, items, await chunk(), { next, unreadable })).toEqual({
      ...nothing,
      copied: 4,
      refused: 3,
    });
    const stored = await store.read(
      account,
      items.map(({ key }) => key),
    );
    expect(stored.map(({ image }) => image !== null)).toEqual([true, true, false, true, true]);
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
    const given = { next: { cursor: [at1(1)], done: true }, under: { ...fence, epoch: 0 } };
    for (const items of [[copyOf(1)], []])
      await expect(copyLeftover(store, account, items, before, given)).rejects.toMatchObject({
        code: 'Fenced',
      });
    expect(await chunk()).toEqual(before);
    expect(await sql(`SELECT * FROM accounts WHERE id = ${base + 1}`)).toEqual([]);
  });

  test('of no rows moves the checkpoint', async () => {
    const { store } = at();
    const from = await chunk(2);
    expect(await copyLeftover(store, account, [], from, { next: { done: true } })).toEqual(nothing);
    expect(await chunk(2)).toEqual({ ...from, done: true });
  });

  test('keeps what it had put in when ranges are planned again', async () => {
    const { store } = at();
    expect(await store.chunks(migrationName, 'account')).toMatchObject([
      { range: 0, lower: null, upper: ['500'], cursor: null, done: false },
      { range: 1, lower: ['500'], upper: ['900'] },
      { range: 2, lower: ['900'], upper: null },
    ]);
    const from = await chunk(1);
    await copyLeftover(store, account, [], from, { next: { cursor: ['600'] } });
    await store.planChunks(migrationName, 'account', [['500'], ['900']]);
    expect(await chunk(1)).toEqual({ ...from, cursor: ['600'] });
  });
});
