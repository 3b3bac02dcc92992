import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadPending, type Step } from '../../activities/backfill/load-pending.ts';
import type { Chunk, Leftover, ReadPage } from '../../databases/contract/backfill.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { account } from '../support/accounts.ts';
import {
  accessOver,
  deleteOf,
  type EngineRole,
  fence,
  imageFrom,
  migrationName,
  type Opened,
  openEngineAs,
  openRole,
  readOne,
  unavailableReason,
  writeOf,
  writeOne,
} from './engine-roles.ts';
import { emptySpecimen, invoice, type Specimen, slot, specimen } from './entities.ts';

const secondaryWrite = { mode: 'secondary', kind: 'replace', operationId: null } as const;
const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

interface Way {
  title: string;
  from: EngineRole['engine'];
  to: EngineRole['engine'];
  /** Of the target; with LOAD DATA off, as is its default. */
  server?: 'mysql-9.7';
}

const ways: Way[] = [
  { title: 'MariaDB to PostgreSQL', from: 'MariaDB', to: 'PostgreSQL' },
  { title: 'PostgreSQL to MariaDB', from: 'PostgreSQL', to: 'MariaDB' },
  { title: 'MariaDB to MariaDB', from: 'MariaDB', to: 'MariaDB' },
  { title: 'PostgreSQL to PostgreSQL', from: 'PostgreSQL', to: 'PostgreSQL' },
  { title: 'PostgreSQL to MySQL 9.7 by INSERT', from: 'PostgreSQL', to: 'MariaDB', server: 'mysql-9.7' },
];

test('PostgreSQL takes a page with columns of the usual types as it is', async () => {
  await using at = await openRole({ engine: 'PostgreSQL', role: 'modern' });
  const engine = openEngineAs('modern', at.url);
  try {
    const { root } = await accessOver('modern', engine).bind(specimen);
    expect(root.columns.filter((column) => engine.bulk.prefix(column) === null)).toEqual([]);
  } finally {
    await engine.close();
  }
});

describe.each(ways)('a page from $title', ({ from, to, server }) => {
  let source: Opened;
  let target: Opened;
  let unavailable: string | null = null;
  beforeAll(async () => {
    const at = server ? { server } : {};
    unavailable = await unavailableReason(at);
    if (unavailable !== null) return;
    source = await openRole({ engine: from, role: 'legacy' });
    target = await openRole({ engine: to, role: 'modern', ...at });
    if (server) await target.sql('SET GLOBAL local_infile = 0');
  });
  afterAll(async () => {
    if (server) await target?.sql('SET GLOBAL local_infile = 1');
    await source?.[Symbol.asyncDispose]();
    await target?.[Symbol.asyncDispose]();
  });
  beforeEach(async ({ skip }) => {
    if (unavailable !== null) skip(unavailable);
    for (const engineRole of [source, target]) await engineRole.reset();
    await target.asSecondary();
    for (const { name } of [specimen, account, slot]) await target.store.planChunks(migrationName, name, []);
  });

  const chunkOf = async (entity: Entity): Promise<Chunk> => {
    const [chunk] = await target.store.chunks(migrationName, entity.name);
    if (!chunk) throw new Error('no chunk is planned');
    return chunk;
  };

  async function readPage(entity: Entity, after: Key | null = null, limit = 1_000): Promise<ReadPage> {
    const into = await target.store.pageTarget(entity);
    const read = await source.store.readPage(entity, into, { after, upTo: null, limit });
    if (!read) throw new Error('a column map has pages');
    return read;
  }

  async function leftoverOf(entity: Entity, keys: readonly Key[]): Promise<Leftover> {
    const stored = await source.store.read(entity, keys);
    return {
      items: stored.flatMap(({ key, image }): WriteItem[] => {
        if (!image) return [];
        const given = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
        return [{ ...given, key, image, status: 'completed', sharedVersions: [] }];
      }),
      unreadable: stored.flatMap(({ key, unreadable }) =>
        unreadable === null ? [] : [{ key, reason: unreadable }],
      ),
      lossy: [],
    };
  }

  async function put(entity: Entity, read: ReadPage, given: Partial<Step> = {}, under = fence) {
    const step: Step = {
      from: await chunkOf(entity),
      next: { cursor: read.last, done: !read.full },
      checkExisting: false,
      checkParents: false,
      ...given,
    };
    const leftover = (keys: readonly Key[]) => leftoverOf(entity, keys);
    return await loadPending(target.store, entity, { leftover }, read, step, under);
  }

  const accountsIn = async (opened: Opened) =>
    await opened.sql('SELECT id, owner, email, balance FROM accounts ORDER BY id');
  const insert = (opened: Opened, values: string) =>
    opened.sql(`INSERT INTO accounts (id, owner, email, balance) VALUES ${values}`);

  test('brings values of every type over unchanged', async () => {
    for (const value of specimens) await writeOne(source.store, specimen, writeOf(specimen, value));
    const read = await readPage(specimen);
    expect(read.notLoadable).toEqual([]);
    expect(await put(specimen, read)).toEqual({
      status: 'committed',
      copied: specimens.length,
      skipped: 0,
      refused: 0,
      waiting: 0,
      foundExisting: false,
      outOfOrder: false,
    });
    for (const value of specimens) {
      const { image, version } = await readOne(target.store, specimen, [String(value.id)]);
      expect({ image, version }).toEqual({ image: imageFrom(specimen, value), version: '0' });
    }
    expect(await target.control('records')).toEqual([]);
  });

  test('goes on behind its last key, with keys of several parts in any case', async () => {
    const regions = ['a', 'B', 'c', 'Ärger', "O'Neill\\", 'tab\tand\nline', '東京'];
    for (const label of [`'one'`, 'NULL']) {
      for (const [index, region] of regions.entries()) {
        const number = label === 'NULL' ? '18446744073709551615' : String(index);
        const text = from === 'MariaDB' ? region.replaceAll('\\', '\\\\') : region;
        await source.sql(`INSERT INTO slots VALUES ('${text.replaceAll("'", "''")}', ${number}, ${label})`);
      }
    }
    const seen: string[] = [];
    for (let after: Key | null = null, full = true; full; ) {
      const read: ReadPage = await readPage(slot, after, 3);
      for (let at = 0; at < read.page.keys; at++) seen.push(JSON.stringify(read.page.keyAt(at)));
      expect(await put(slot, read)).toMatchObject({ copied: read.page.keys });
      ({ full } = read);
      after = read.last;
    }
    expect(new Set(seen).size).toBe(regions.length * 2);
    expect(seen.length).toBe(regions.length * 2);
    for (const [index, region] of regions.entries()) {
      expect((await readOne(target.store, slot, [region, String(index)])).image).toMatchObject({
        label: 'one',
      });
      expect((await readOne(target.store, slot, [region, '18446744073709551615'])).image).toMatchObject({
        label: null,
      });
    }
    expect(await chunkOf(slot)).toMatchObject({ done: true, copied: regions.length * 2 });
  });

  test('leaves alone what a live write, a delete or anybody else has put there', async () => {
    await insert(
      source,
      `(1, 'old', NULL, 1), (2, 'old', NULL, 1), (3, 'old', NULL, 1), (4, 'old', NULL, 1)`,
    );
    const live = writeOf(account, { ...ada, id: 1, owner: 'live' }, { ...secondaryWrite, version: '5' });
    await writeOne(target.store, account, live);
    await writeOne(target.store, account, deleteOf(['2'], { ...secondaryWrite, version: '5' }));
    await insert(target, `(3, 'here', NULL, 1)`);
    const result = await put(account, await readPage(account));
    expect(result).toEqual({
      status: 'committed',
      copied: 1,
      skipped: 3,
      refused: 0,
      waiting: 0,
      foundExisting: true,
      outOfOrder: false,
    });
    expect((await accountsIn(target)).map(({ id, owner }) => [id, owner])).toEqual([
      ['1', 'live'],
      ['3', 'here'],
      ['4', 'old'],
    ]);
    expect(await target.control('records', 'version = 0')).toEqual([]);
    expect(await chunkOf(account)).toMatchObject({ copied: 1, skipped: 3, refused: 0 });
  });

  test('finds what is there among many keys, be it little or much, whatever their sign and number of digits', async () => {
    // Without 0, which is not what a plain INSERT puts into a column that counts up.
    const ids = Array.from({ length: 1_200 }, (_, index) => (index < 600 ? index - 600 : index - 599));
    await insert(source, ids.map((id) => `(${id}, 'old', NULL, 1)`).join(', '));
    for (const every of [401, 11, 1]) {
      await target.reset();
      await target.asSecondary();
      await target.store.planChunks(migrationName, account.name, []);
      const edges = [-600, -100, -99, -10, -9, -1, 1, 9, 10, 99, 100, 600];
      const touched = new Set([...edges, ...ids.filter((id) => id % every === 0)]);
      const there = [...touched].filter((_, at) => at % 40 === 0);
      const deleted = [...touched].filter((_, at) => at % 40 !== 0);
      await insert(target, there.map((id) => `(${id}, 'here', NULL, 1)`).join(', '));
      for (const id of deleted)
        await writeOne(target.store, account, deleteOf([String(id)], { ...secondaryWrite, version: '5' }));
      const result = await put(account, await readPage(account, null, 5_000));
      expect(result).toMatchObject({ copied: ids.length - touched.size, skipped: touched.size });
      const owners = new Map((await accountsIn(target)).map(({ id, owner }) => [Number(id), owner]));
      const expected = ids.flatMap((id) =>
        touched.has(id) ? (there.includes(id) ? [[id, 'here']] : []) : [[id, 'old']],
      );
      expect([...owners]).toEqual(expected);
    }
  });

  test('does not bring back what was deleted, where that is all that it meets', async () => {
    await insert(source, `(21, 'old', NULL, 1), (22, 'old', NULL, 1)`);
    await writeOne(target.store, account, deleteOf(['21'], { ...secondaryWrite, version: '5' }));
    expect(await put(account, await readPage(account))).toMatchObject({ copied: 1, skipped: 1, refused: 0 });
    expect((await accountsIn(target)).map(({ id }) => id)).toEqual(['22']);
  });

  test('isolates what is refused, with its reason, and takes the rest', async () => {
    const rows = Array.from(
      { length: 40 },
      (_, index) => `(${index + 101}, '${index === 6 ? 'seven' : 'o'}', 'e${index + 101}', 1)`,
    );
    await insert(source, rows.join(', '));
    await target.sql(`ALTER TABLE accounts ADD CONSTRAINT no_seven CHECK (owner <> 'seven')`);
    try {
      await insert(target, `(900, 'other', 'e111', 1)`);
      expect(await put(account, await readPage(account))).toEqual({
        status: 'committed',
        copied: 38,
        skipped: 0,
        refused: 2,
        waiting: 0,
        foundExisting: false,
        outOfOrder: false,
      });
      const found = await target.store.differences(migrationName, 10);
      expect(found.map(({ key, verdict }) => [key, verdict]).sort()).toEqual([
        [['107'], 'refused'],
        [['111'], 'refused'],
      ]);
      expect(found.map(({ reason }) => reason).join(' ')).toMatch(/no_seven/);
      expect(await chunkOf(account)).toMatchObject({ copied: 38, skipped: 0, refused: 2 });
    } finally {
      await target.sql(`ALTER TABLE accounts DROP CONSTRAINT no_seven`);
    }
  });

  test('locks nothing at the target while the source is asked for what is left over', async () => {
    await insert(source, `(301, 'fine', NULL, 1), (302, 'seven', NULL, 1)`);
    await target.sql(`ALTER TABLE accounts ADD CONSTRAINT no_seven CHECK (owner <> 'seven')`);
    const chunks = to === 'PostgreSQL' ? 'lockstep.chunks' : 'lockstep_chunks';
    const asked: string[] = [];
    const leftover = async (keys: readonly Key[]) => {
      asked.push(keys.join(' '));
      await target.sql(`SELECT cursor_key FROM ${chunks} WHERE entity = 'account' FOR UPDATE NOWAIT`);
      expect(await accountsIn(target)).toEqual([]);
      return await leftoverOf(account, keys);
    };
    try {
      const step = {
        from: await chunkOf(account),
        next: { cursor: null, done: true },
        checkExisting: false,
        checkParents: false,
      };
      const read = await readPage(account);
      expect(await loadPending(target.store, account, { leftover }, read, step, fence)).toMatchObject({
        status: 'committed',
        copied: 1,
        refused: 1,
      });
      expect(asked).toEqual(['', '302']);
      expect((await accountsIn(target)).map(({ id }) => id)).toEqual(['301']);
    } finally {
      await target.sql('ALTER TABLE accounts DROP CONSTRAINT no_seven');
    }
  });

  test('is not taken twice, nor under another route', async () => {
    await insert(source, `(201, 'old', NULL, 1)`);
    const stale = await chunkOf(account);
    const read = await readPage(account, null, 1);
    expect(await put(account, read)).toMatchObject({ status: 'committed', copied: 1 });
    await target.sql('DELETE FROM accounts');
    expect(await put(account, read, { from: stale })).toMatchObject({ status: 'overtaken' });
    expect(await accountsIn(target)).toEqual([]);
    await expect(put(account, read, {}, { ...fence, epoch: 0 })).rejects.toMatchObject({ code: 'Fenced' });
    expect(await accountsIn(target)).toEqual([]);
    expect(await chunkOf(account)).toMatchObject({ copied: 1 });
  });

  test('keeps its rows and its checkpoint together', async () => {
    const chunks = to === 'PostgreSQL' ? 'lockstep.chunks' : 'lockstep_chunks';
    await insert(source, `(211, 'old', NULL, 1)`);
    const read = await readPage(account);
    await target.sql(`ALTER TABLE ${chunks} ADD CONSTRAINT standing CHECK (copied = 0)`);
    try {
      await expect(put(account, read)).rejects.toThrow();
    } finally {
      await target.sql(`ALTER TABLE ${chunks} DROP CONSTRAINT standing`);
    }
    expect(await accountsIn(target)).toEqual([]);
    expect(await chunkOf(account)).toMatchObject({ cursor: null, copied: 0 });
  });

  test('of images brings keys of several rows over whole, and what they share once', async () => {
    await target.store.planChunks(migrationName, 'invoice', []);
    const values = ['a1', 'B2', 'c3', 'D4', 'e5'].flatMap((number, index) =>
      Array.from(
        { length: index + 1 },
        (_, line) =>
          `('${number}', '2024-01-0${index + 1}', ${index % 2}, 'customer ${index % 2}', NULL, ${line}, 'tea', ${line + 1})`,
      ),
    );
    await source.sql(`INSERT INTO invoice_rows VALUES ${values.join(', ')}`);
    const into = await target.store.pageTarget(invoice);
    const seen: Key[] = [];
    for (let after: Key | null = null, full = true; full; ) {
      const read = await source.store.readImages(invoice, { after, upTo: null, limit: 2 });
      if (!read) throw new Error('wide rows lie in one table');
      expect(read.notLoadable).toEqual([]);
      const { page, notLoadable } = into.pageOf(read.records);
      expect(notLoadable).toEqual([]);
      expect(await put(invoice, { page, notLoadable: [], last: read.last, full: read.full })).toMatchObject({
        copied: read.records.length,
        skipped: 0,
        refused: 0,
      });
      seen.push(...read.records.map(({ key }) => key));
      ({ full } = read);
      after = read.last;
    }
    expect(seen.map(([number]) => number).sort()).toEqual(['B2', 'D4', 'a1', 'c3', 'e5']);
    const images = async ({ store }: Opened) => (await store.read(invoice, seen)).map(({ image }) => image);
    expect(await images(target)).toEqual(await images(source));
    expect(await target.sql('SELECT id FROM customers ORDER BY id')).toEqual([{ id: '0' }, { id: '1' }]);
    expect(await target.control('records', 'version = 0')).toEqual([]);
  });

  test('tells a row that its field cannot hold, and copies the others', async () => {
    await source.sql(
      `INSERT INTO specimens (id, word, ${from === 'MariaDB' ? 'flag' : 'clock'}) VALUES (9001, 'odd', ${from === 'MariaDB' ? '2' : `'24:00:00'`}), (9002, 'even', NULL)`,
    );
    const read = await readPage(specimen, ['9000']);
    expect(read.notLoadable).toEqual([['9001']]);
    expect(read.last).toEqual(['9002']);
    expect(await put(specimen, read)).toMatchObject({ copied: 1, refused: 1 });
    expect(await target.store.differences(migrationName, 10)).toContainEqual({
      entity: 'specimen',
      key: ['9001'],
      verdict: 'unreadable',
      reason: expect.stringMatching(/flag|clock/),
    });
  });
});

const awkwardSpecimen: Specimen = {
  ...emptySpecimen,
  id: -9_223_372_036_854_775_808n,
  word: 'tab\t, line\n, return\r, \\N, \\, \f\v\b and "quotes"',
  remark: "O'Neill — 東京 😀",
  flag: true,
  small: -32_768,
  large: 18_446_744_073_709_551_615n,
  price: '-1234567890123456.7890',
  ratio: 0.1,
  half: 0.1,
  day: '2024-02-29',
  clock: '23:59:59.999999',
  seen: '1999-12-31T23:59:59.000001Z',
  noted: '2024-03-10T02:30:00.120Z',
  token: '00000000-0000-4000-8000-00000000abcd',
  raw: new Uint8Array([0, 9, 10, 13, 92, 255]),
  doc: { b: [1.5, 'x\ty'], a: null },
  mood: 'Cross',
  code: 'ab c',
};

const hugeText = "\\N, ', \t, \n, \\, O'Neill — 東京 😀".repeat(40_000);

const specimens: Specimen[] = [
  emptySpecimen,
  awkwardSpecimen,
  {
    ...awkwardSpecimen,
    id: 0n,
    remark: hugeText,
    raw: Uint8Array.from({ length: 256 }, (_, byte) => byte),
    doc: { text: hugeText },
  },
  { ...emptySpecimen, id: -1n, remark: hugeText },
  {
    ...emptySpecimen,
    id: 2n,
    word: '\\N',
    remark: '',
    flag: false,
    doc: 'text',
    raw: new Uint8Array([]),
    mood: '1',
    code: '',
  },
  {
    ...emptySpecimen,
    id: 3n,
    word: 'ends with a blank ',
    ratio: 1e300,
    half: -2.5e-7,
    doc: 12345678901234,
    clock: '00:00:00.000000',
  },
];
