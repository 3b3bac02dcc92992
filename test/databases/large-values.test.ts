import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import type { Key } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import {
  type EngineRole,
  fence,
  firstPage,
  migrationName,
  type Opened,
  openRole,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

interface Doc {
  id: number;
  body: Uint8Array | null;
  plain: string | null;
  note: string | null;
}

const doc = entity({
  name: 'doc',
  schema: z.custom<Doc>(),
  fields: { id: field.integer(), body: field.bytes(), plain: field.text(), note: field.text() },
  key: 'id',
  legacy: table('docs'),
  modern: table('docs'),
});

const tables: Record<EngineRole['engine'], string> = {
  MariaDB:
    'CREATE TABLE docs (id INT PRIMARY KEY, body LONGBLOB, plain LONGTEXT CHARACTER SET latin1, note TEXT)',
  PostgreSQL: 'CREATE TABLE docs (id integer PRIMARY KEY, body bytea, plain text, note text)',
};

const mib = 1024 * 1024;
const tooLarge = /body holds a value that the server cannot give as text.*max_allowed_packet; raise it/;
const tooLargeToSend =
  /a statement of \d+ bytes is larger than the \d+ that the server takes \(max_allowed_packet\)/;

describe('a value that is larger than the server gives or takes', () => {
  let mariadb: Opened;
  let postgresql: Opened;
  /** What MariaDB takes as one packet; the values of these tests are measured by it. */
  let packet: number;

  beforeAll(async () => {
    const entities = [doc];
    mariadb = await openRole(
      { engine: 'MariaDB', role: 'legacy' },
      { entities, onlyTables: [tables.MariaDB] },
    );
    postgresql = await openRole(
      { engine: 'PostgreSQL', role: 'modern' },
      { entities, onlyTables: [tables.PostgreSQL] },
    );
    const [row] = await mariadb.sql('SELECT @@global.max_allowed_packet AS packet');
    packet = Number(row?.packet);
  });
  afterAll(async () => {
    await postgresql?.[Symbol.asyncDispose]();
    await mariadb?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    for (const opened of [mariadb, postgresql]) {
      await opened.sql('DELETE FROM docs');
      await opened.reset();
    }
    await postgresql.asSecondary();
    await postgresql.store.planChunks(migrationName, doc.name, []);
  });

  /** As an application would write it: raw, in parts of a megabyte. */
  async function storeLarge(id: number, bytes: number): Promise<void> {
    await mariadb.sql(
      `INSERT INTO docs (id, body, note) VALUES (${id}, REPEAT(CHAR(7), ${bytes}), 'as it was')`,
    );
  }

  test('is told as unreadable, and not as null', async () => {
    await storeLarge(1, Math.floor(packet * 0.6));
    await storeLarge(2, 100);
    const stored = await readOne(mariadb.store, doc, ['1']);
    expect(stored.image).toBeNull();
    expect(stored.unreadable).toMatch(tooLarge);
    const [value] = await mariadb.store.values(doc, [['1']]);
    expect(value).toMatchObject({ value: null, unreadable: expect.stringMatching(tooLarge) });
    const both = await mariadb.store.values(doc, [['1'], ['2']]);
    expect(both).toMatchObject([{ unreadable: expect.stringMatching(tooLarge) }, { unreadable: null }]);
    const page = await mariadb.store.readImages(doc, { after: null, upTo: null, limit: 10 });
    expect(page).toMatchObject({ notLoadable: [['1']], records: [{ key: ['2'] }] });
  });

  test('is left out of a page, and its neighbours are copied', async () => {
    await storeLarge(1, Math.floor(packet * 0.6));
    await storeLarge(2, 100);
    const into = await postgresql.store.pageTarget(doc);
    const read = await mariadb.store.readPage(doc, into, { after: null, upTo: null, limit: 10 });
    expect(read?.notLoadable).toEqual([['1']]);
    expect(read?.page.keys).toBe(1);
  });

  test('is refused in a copy as it is in a write, and its neighbours come in', async () => {
    const half = Math.floor(packet * 0.6);
    await postgresql.sql(
      `INSERT INTO docs SELECT n, decode(repeat('07', CASE WHEN n = 2 THEN ${half} ELSE 10 END), 'hex'), NULL, 'n' FROM generate_series(1, 3) n`,
    );
    await mariadb.asSecondary();
    const { from, read } = await firstPage(postgresql, mariadb, doc);
    const leftover = async (keys: readonly Key[]) => ({
      items: (await postgresql.store.read(doc, keys)).map(({ key, image }): WriteItem => {
        const given = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
        return { ...given, key, image, status: 'completed', sharedVersions: [] };
      }),
      unreadable: [],
      lossy: [],
    });
    const step = { from, next: { cursor: read.last, done: true }, checkExisting: false, checkParents: false };
    const result = await loadPending(mariadb.store, doc, { leftover }, read, step, fence);
    expect(result).toMatchObject({ copied: 2, refused: 1 });
    expect(await mariadb.sql('SELECT id FROM docs ORDER BY id')).toEqual([{ id: '1' }, { id: '3' }]);
    expect(await mariadb.store.differences(migrationName, 10)).toMatchObject([
      { key: ['2'], verdict: 'refused', reason: expect.stringMatching(tooLargeToSend) },
    ]);
  });

  test('is measured by its key, beside those that lie between', async () => {
    const sizes = [10, 2 * mib, 2 * mib, 2 * mib, 10];
    for (const [at, size] of sizes.entries()) {
      await storeLarge(at + 1, size);
      await postgresql.sql(
        `INSERT INTO docs VALUES (${at + 1}, decode(repeat('07', ${size}), 'hex'), NULL, 'as it was')`,
      );
    }
    for (const { store } of [mariadb, postgresql]) {
      const fitting = (ids: readonly (number | string)[], maxBytes: number) =>
        store.fittingKeys(
          doc,
          ids.map((id) => [String(id)]),
          { maxBytes },
        );
      const all = await fitting([1, 2, 4, 5], 9 * mib);
      expect(all.keys).toEqual([['1'], ['2'], ['4'], ['5']]);
      expect(all.bytes).toBeGreaterThanOrEqual(8 * mib);
      expect(all.bytes).toBeLessThan(9 * mib);
      expect((await fitting([1, 2, 4, 5], 5 * mib)).keys).toEqual([['1'], ['2']]);
      const one = await fitting([4, 2], mib);
      expect(one.keys).toEqual([['4']]);
      expect(one.bytes).toBeGreaterThanOrEqual(4 * mib);
      // What no column can hold has no row.
      expect(await fitting(['9'.repeat(30), 7], mib)).toEqual({ keys: [['9'.repeat(30)], ['7']], bytes: 0 });
    }
  });

  test('ends the page with which it has many bytes, and the next page begins behind it', async () => {
    const sizes = [10, 2 * mib, 2 * mib, 2 * mib, 10];
    for (const [at, size] of sizes.entries()) {
      await storeLarge(at + 1, size);
      await postgresql.sql(
        `INSERT INTO docs VALUES (${at + 1}, decode(repeat('07', ${size}), 'hex'), NULL, 'as it was')`,
      );
    }
    for (const [source, target] of [
      [mariadb, postgresql],
      [postgresql, mariadb],
    ] as const) {
      const into = await target.store.pageTarget(doc);
      const pages: (readonly [number, boolean])[] = [];
      for (let after: Key | null = null; ; ) {
        const read = await source.store.readPage(doc, into, {
          after,
          upTo: null,
          limit: 10,
          maxBytes: 6 * mib,
        });
        if (!read) throw new Error('a column map has pages');
        pages.push([read.page.keys, read.full]);
        if (!read.full) break;
        after = read.last;
      }
      expect(pages).toEqual([
        [3, true],
        [2, false],
      ]);
      expect(source.store.lostConnections()).toBe(0);
    }
  });

  test('ends a page of images as well, and no key is passed by', async () => {
    const sizes = [10, 10, 2 * mib, 2 * mib, 10, 2 * mib, 10];
    for (const [at, size] of sizes.entries()) {
      await storeLarge(at + 1, size);
      await postgresql.sql(
        `INSERT INTO docs VALUES (${at + 1}, decode(repeat('07', ${size}), 'hex'), NULL, 'as it was')`,
      );
    }
    for (const source of [mariadb, postgresql]) {
      const pages: string[][] = [];
      for (let after: Key | null = null; ; ) {
        const range = { after, upTo: null, limit: 10, maxBytes: 6 * mib };
        const read = await source.store.readImages(doc, range);
        if (!read) throw new Error('one table has images');
        pages.push(read.records.map(({ key }) => key[0] ?? ''));
        if (!read.full) break;
        after = read.last;
      }
      // As text, a byte has two digits.
      expect(pages).toEqual([
        ['1', '2', '3'],
        ['4', '5'],
        ['6', '7'],
      ]);
    }
  });

  test('leaves no clock behind where its page ends early', async () => {
    const clocks = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    for (let id = 1; id <= 12; id++) {
      await storeLarge(id, 100);
      await postgresql.sql(`INSERT INTO docs VALUES (${id}, '\\x07', NULL, 'as it was')`);
    }
    for (const [source, target] of [
      [mariadb, postgresql],
      [postgresql, mariadb],
    ] as const) {
      const into = await target.store.pageTarget(doc);
      const before = clocks();
      for (let at = 1; at <= 10; at++) {
        const range = { after: [String(at)], upTo: null, limit: 10, maxBytes: 1 };
        expect((await source.store.readPage(doc, into, range))?.page.keys).toBe(1);
      }
      // A pool keeps one for each connection.
      expect(clocks() - before).toBeLessThan(5);
    }
  });

  test('has another digest than null', async () => {
    await storeLarge(1, Math.floor(packet * 0.6));
    await postgresql.sql("INSERT INTO docs (id, body, note) VALUES (1, NULL, 'as it was')");
    const all = [{ lower: null, upper: null }];
    const [here] = await mariadb.store.digests(doc, all);
    const [there] = await postgresql.store.digests(doc, all);
    expect(here?.digest).not.toBeNull();
    expect(here?.digest).not.toBe(there?.digest);
  });

  test('is refused by name where it is written, and the connection lives on', async () => {
    const item = writeOf(doc, {
      id: 3,
      body: new Uint8Array(Math.ceil(packet * 0.6)),
      plain: null,
      note: 'n',
    });
    for (let time = 0; time < 2; time++) {
      const outcome = await writeOne(mariadb.store, doc, item);
      expect(outcome).toMatchObject({
        status: 'failed',
        failure: { code: 'StoreRefused', about: 'size', message: expect.stringMatching(tooLargeToSend) },
      });
    }
    expect(mariadb.store.lostConnections()).toBe(0);
    expect(await mariadb.sql('SELECT id FROM docs')).toEqual([]);
  });

  test('does not keep its neighbours in a list out, and a list may be larger than a packet', async () => {
    const sizes = [...Array.from({ length: 8 }, () => 2 * mib), Math.ceil(packet * 0.6), 10];
    const items = sizes.map((size, at) =>
      writeOf(doc, { id: at + 10, body: new Uint8Array(size).fill(7), plain: null, note: null }),
    );
    const outcomes = await mariadb.store.write(doc, items, fence);
    expect(outcomes.map(({ status }) => status)).toEqual(
      sizes.map((size) => (size > packet / 2 ? 'failed' : 'applied')),
    );
    const kept = await mariadb.sql('SELECT id, LENGTH(body) AS n FROM docs ORDER BY id');
    expect(kept.map(({ n }) => Number(n))).toEqual(sizes.filter((size) => size <= packet / 2));
  });

  test('text of another character set than ours is not taken for null either', async () => {
    await mariadb.sql(
      `INSERT INTO docs (id, plain) VALUES (1, REPEAT(CONVERT(CHAR(0xC3A9 USING utf8mb4) USING latin1), ${Math.floor(packet * 0.6)}))`,
    );
    const all = [{ lower: null, upper: null }];
    const [large] = await mariadb.store.digests(doc, all);
    await mariadb.sql('UPDATE docs SET plain = NULL');
    const [none] = await mariadb.store.digests(doc, all);
    expect(large?.digest).not.toBeNull();
    expect(large?.digest).not.toBe(none?.digest);
  });
});
