import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { pagesOf } from '../../activities/backfill/copy-pages.ts';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import { openTransaction } from '../../client/service/caller-transaction.ts';
import { touchAnswerIn } from '../../databases/contract/touch.ts';
import { readStatements as mysqlReads } from '../../databases/mysql/read.ts';
import { readStatements as postgresqlReads } from '../../databases/postgresql/read.ts';
import type { Image, Key } from '../../model/canonical.ts';
import { type Entity, entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { type AnyFields, entityOf, type Field, field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { caller } from './caller.ts';
import {
  accessOver,
  deleteOf,
  fence,
  migrationName,
  openEngineAs,
  openRole,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

interface KindOfKey {
  engine: 'MariaDB' | 'PostgreSQL';
  type: string;
  field: Field;
  values: readonly unknown[];
}

const uuids = [
  '00000000-0000-0000-0000-000000000000',
  '6f9619ff-8b86-d011-b42d-00c04fc964ff',
  'ffffffff-ffff-ffff-ffff-ffffffffff00',
];
const bytes = [new Uint8Array(), new Uint8Array([0]), new Uint8Array([0, 0]), new Uint8Array([255, 32])];
const dates = ['0001-01-01', '2024-02-29', '9999-12-31'];
const moments = ['0001-01-01T00:00:00.000000Z', '2024-02-29T12:00:00.000001Z', '9999-12-31T23:59:59.999999Z'];
const decimals = ['-1.5', '0', '0.0000000001', '99999999999.9'];
const words = ['', 'A', 'B', 'a', 'b ', 'ä', '🎉'];

const kinds: KindOfKey[] = [
  { engine: 'MariaDB', type: 'BINARY(16)', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'UUID', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'CHAR(36)', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'CHAR(36) CHARACTER SET ascii', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'VARBINARY(20)', field: field.bytes(), values: bytes },
  { engine: 'MariaDB', type: 'DATE', field: field.date(), values: dates },
  { engine: 'MariaDB', type: 'DATETIME(6)', field: field.timestamp(), values: moments },
  { engine: 'MariaDB', type: 'DECIMAL(30,10)', field: field.decimal(), values: decimals },
  {
    engine: 'MariaDB',
    type: 'BIGINT UNSIGNED',
    field: field.bigint(),
    values: [0n, 2n ** 53n + 1n, 2n ** 64n - 1n],
  },
  {
    engine: 'MariaDB',
    type: 'VARCHAR(20) COLLATE utf8mb4_bin',
    field: field.text(),
    values: words.map((word) => word.trim()),
  },
  {
    engine: 'MariaDB',
    type: 'VARCHAR(20) CHARACTER SET latin1',
    field: field.text(),
    values: ['', '€', 'é', 'z'],
  },
  { engine: 'PostgreSQL', type: 'uuid', field: field.uuid(), values: uuids },
  { engine: 'PostgreSQL', type: 'bytea', field: field.uuid(), values: uuids },
  { engine: 'PostgreSQL', type: 'bytea', field: field.bytes(), values: bytes },
  { engine: 'PostgreSQL', type: 'date', field: field.date(), values: dates },
  { engine: 'PostgreSQL', type: 'timestamptz', field: field.timestamp(), values: moments },
  { engine: 'PostgreSQL', type: 'numeric', field: field.decimal(), values: decimals },
  { engine: 'PostgreSQL', type: 'text', field: field.text(), values: words },
  { engine: 'PostgreSQL', type: 'citext', field: field.text(), values: ['', 'A', 'b', 'ä'] },
];

describe.each(kinds)(
  'a key of $engine $type as $field.scalar.kind',
  ({ engine, type, field: key, values }) => {
    test('is written, read, listed in pages and deleted', async () => {
      await using at = await openKeyed(engine, type, key);
      const { store, keyed } = at;
      const writes = values.map((id, index) => writeOf(keyed, { id, note: String(index) }));
      for (const write of writes) {
        expect(await writeOne(store, keyed, write)).toMatchObject({ status: 'applied' });
        expect(await readOne(store, keyed, write.key)).toMatchObject({ image: write.image });
        expect(await store.values(keyed, [write.key])).toEqual([seenOf(keyed, write.image)]);
      }
      expect(
        await store.values(
          keyed,
          writes.map((write) => write.key),
        ),
      ).toEqual(writes.map((write) => seenOf(keyed, write.image)));
      const listed: Key[] = [];
      for (let after: Key | null = null; ; ) {
        const page: Key[] = await store.keys(keyed, { after, upTo: null, limit: 2 });
        listed.push(...page);
        after = page.at(-1) ?? null;
        if (page.length < 2) break;
      }
      expect(listed.map(String).sort()).toEqual(writes.map((write) => String(write.key)).sort());
      for (const { key: gone } of writes) {
        expect(await writeOne(store, keyed, deleteOf(gone))).toMatchObject({ status: 'applied' });
      }
      expect(await store.countKeys(keyed)).toBe(0);
    });
  },
);

test.each(kinds)(
  'a list of keys of $engine $type as $field.scalar.kind is looked up by its index',
  async (kind) => {
    await using at = await openKeyed(kind.engine, kind.type, kind.field);
    const engine = openEngineAs('legacy', at.url);
    await using _ = { [Symbol.asyncDispose]: () => engine.close() };
    const bound = await accessOver('legacy', engine).bind(at.keyed);
    if (kind.engine === 'MariaDB') {
      const plan = await engine.query(`EXPLAIN ${mysqlReads(bound).many}`, ['[["", "1"]]']);
      expect(plan.find((line) => line.table === 't')).toMatchObject({ possible_keys: 'PRIMARY' });
      return;
    }
    const plan = await engine.transaction(async (session) => {
      await session.query('SET LOCAL enable_seqscan = off');
      return await session.query(`EXPLAIN ${postgresqlReads(bound).many.replaceAll(/\$\d/g, '?')}`, ['{}']);
    });
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toMatch(/Index (Only )?Scan using keyed_pkey/);
  },
);

/** Most begin alike, as those of version 7 do, which hold the time; the rest lie anywhere. */
const manyUuids = Array.from({ length: 1_000 }, (_, index) => {
  const digits = createHash('sha256').update(String(index)).digest('hex');
  return index % 10 === 0
    ? digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-a$4-$5')
    : digits.replace(/^.{8}(.{4}).(.{3}).(.{3})(.{12}).*/, '018f3a00-$1-7$2-b$3-$4');
});
/** Dense, then nearly nothing, at both ends. */
const manyNumbers = [
  -(2n ** 63n),
  ...Array.from({ length: 500 }, (_, index) => BigInt(index) - 700n),
  ...Array.from({ length: 1_000 }, (_, index) => BigInt(index) + 1n),
  ...Array.from({ length: 10 }, (_, index) => 2n ** 60n + BigInt(index) * 2n ** 40n),
  2n ** 63n - 1n,
].map(String);

interface Copied {
  mariadb: string;
  postgresql: string;
  field: Field;
  ids: readonly string[];
  literal?: (id: string) => string;
}

const copied: Copied[] = [
  {
    mariadb: 'BINARY(16)',
    postgresql: 'uuid',
    field: field.uuid(),
    ids: manyUuids,
    literal: (id) => `UNHEX('${id.replaceAll('-', '')}')`,
  },
  { mariadb: 'CHAR(36)', postgresql: 'uuid', field: field.uuid(), ids: manyUuids },
  { mariadb: 'UUID', postgresql: 'uuid', field: field.uuid(), ids: manyUuids },
  { mariadb: 'BIGINT', postgresql: 'bigint', field: field.bigint(), ids: manyNumbers },
];
const directions = copied.flatMap((way) => [
  { ...way, from: 'MariaDB' as const, to: 'PostgreSQL' as const },
  { ...way, from: 'PostgreSQL' as const, to: 'MariaDB' as const },
]);

test.each(directions)(
  'keys of $mariadb and $postgresql are copied from $from to $to once each, in ranges of like size',
  async ({ from, to, mariadb, postgresql, ids, literal, field: key }) => {
    const typeIn = (engine: KindOfKey['engine']) => (engine === 'MariaDB' ? mariadb : postgresql);
    await using source = await openKeyed(from, typeIn(from), key);
    await using target = await openKeyed(to, typeIn(to), key, 'modern');
    const { keyed } = source;
    const asCell = from === 'MariaDB' && literal ? literal : (id: string) => `'${id}'`;
    const cells = ids.map((id, index) => `(${asCell(id)}, 'row ${index}')`);
    await source.sql(`INSERT INTO keyed VALUES ${cells.join(', ')}`);

    const parts = 4;
    const bounds = await source.store.boundaries(keyed, parts);
    await target.store.planChunks(migrationName, 'keyed', bounds);
    const stores = { legacy: source.store, modern: target.store };
    const route = { primary: 'legacy', secondary: 'modern', epoch: fence.epoch } as const;
    const pages = await pagesOf({ stores }, keyed, source.store, target.store, route);
    const seen: Key[] = [];
    const sizes: number[] = [];
    for (const { range } of await target.store.chunks(migrationName, 'keyed')) {
      const before = seen.length;
      for (;;) {
        const at = (await target.store.chunks(migrationName, 'keyed'))[range];
        if (!at) throw new Error('a range was planned');
        if (at.done) break;
        const read = await pages.next({ after: at.cursor ?? at.lower, upTo: at.upper, limit: 100 });
        seen.push(...Array.from({ length: read.page.keys }, (_, engineRole) => read.page.keyAt(engineRole)));
        const next = { cursor: read.last ?? at.cursor, done: !read.full };
        const step = { from: at, next, checkExisting: false, checkParents: false };
        const result = await loadPending(target.store, keyed, pages, read, step, fence);
        expect(result).toMatchObject({ status: 'committed', copied: read.page.keys, skipped: 0, refused: 0 });
        read.page.release();
      }
      sizes.push(seen.length - before);
    }
    expect(seen.map(String).sort()).toEqual([...ids].sort());
    expect(sizes.filter((size) => size > 0)).toHaveLength(parts);
    expect(Math.max(...sizes)).toBe(Math.ceil(ids.length / parts));

    const keys = ids.map((id): Key => [id]);
    const imagesIn = async ({ store }: typeof source) =>
      (await store.read(keyed, keys)).map(({ image }) => image);
    expect(await imagesIn(target)).toEqual(await imagesIn(source));
    expect(await target.store.countKeys(keyed)).toBe(ids.length);
  },
);

const upperCase = '6F9619FF-8B86-D011-B42D-00C04FC964FF';

test.each(['CHAR(36)', 'CHAR(36) CHARACTER SET ascii'])(
  'a UUID in upper case is found, changed and deleted as %s, where case does not matter',
  async (type) => {
    await using at = await openKeyed('MariaDB', type, field.uuid());
    const { store, keyed, sql } = at;
    await sql(`INSERT INTO keyed VALUES ('${upperCase}', 'old')`);
    const [key] = await store.keys(keyed, { after: null, upTo: null, limit: 10 });
    expect(key).toEqual([upperCase.toLowerCase()]);
    const written = writeOf(keyed, { id: upperCase.toLowerCase(), note: 'new' });
    expect(await readOne(store, keyed, written.key)).toMatchObject({ image: { note: 'old' } });
    expect(await writeOne(store, keyed, written)).toMatchObject({ status: 'applied' });
    expect(await sql('SELECT id, note FROM keyed')).toEqual([{ id: upperCase, note: 'new' }]);
    expect(await writeOne(store, keyed, deleteOf(written.key))).toMatchObject({ status: 'applied' });
    expect(await sql('SELECT id FROM keyed')).toEqual([]);
  },
);

test.each([
  ['MariaDB', 'CHAR(36)'],
  ['MariaDB', 'CHAR(36) CHARACTER SET ascii'],
  ['MariaDB', 'VARCHAR(50) CHARACTER SET ascii'],
  ['MariaDB', 'UUID'],
  ['PostgreSQL', 'uuid'],
  ['PostgreSQL', 'citext'],
] as const)('UUIDs in upper case of %s %s are met by lists and touches', async (engine, type) => {
  await using at = await openKeyed(engine, type, field.uuid());
  const { store, keyed, sql } = at;
  const given = uuids.map((id) => id.toUpperCase());
  await sql(`INSERT INTO keyed VALUES ${given.map((id) => `('${id}', 'old')`).join(', ')}`);
  const keys = uuids.map((id): Key => [id]);
  await using service = await caller(at.url);
  await service.sql('BEGIN');
  const request = { keys, version: '100', id: 'touch:1', fence, mayBeSilent: false };
  const statement = await store.touchStatement(keyed, request);
  const answer = touchAnswerIn(await openTransaction(service.tx).run(statement), request);
  await service.sql('ROLLBACK');
  expect(answer?.absent).toEqual([false, false, false]);

  const created = uuids.map((id) => writeOf(keyed, { id, note: 'new' }, { kind: 'create', mode: 'primary' }));
  expect(await store.write(keyed, created, fence)).toMatchObject(
    uuids.map(() => ({ status: 'refused', reason: 'AlreadyExists' })),
  );
  const replaced = uuids.map((id) => writeOf(keyed, { id, note: 'new' }));
  expect(await store.write(keyed, replaced, fence)).toMatchObject(uuids.map(() => ({ status: 'applied' })));
  const rows = await sql('SELECT id, note FROM keyed');
  expect(rows.map(({ id, note }) => [String(id).toLowerCase(), note]).sort()).toEqual(
    uuids.map((id) => [id, 'new']),
  );
  const deleted = keys.map((key) => deleteOf(key));
  expect(await store.write(keyed, deleted, fence)).toMatchObject(uuids.map(() => ({ status: 'applied' })));
  expect(await sql('SELECT id FROM keyed')).toEqual([]);
});

test.each([
  ['CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci', upperCase.replace('F', 'Ｆ')],
  ['VARCHAR(50) CHARACTER SET ascii', `${upperCase}  `],
])(
  'what the collation of %s takes for a UUID, and is none, is neither found nor changed',
  async (type, other) => {
    await using at = await openKeyed('MariaDB', type, field.uuid());
    const { store, keyed, sql } = at;
    await sql(`INSERT INTO keyed VALUES ('${other}', 'old')`);
    const written = writeOf(keyed, { id: upperCase.toLowerCase(), note: 'new' });
    expect(await readOne(store, keyed, written.key)).toMatchObject({ image: null });
    expect(await writeOne(store, keyed, written)).toMatchObject({ status: 'failed' });
    expect(await sql('SELECT id, note FROM keyed')).toEqual([{ id: other, note: 'old' }]);
  },
);

interface UnusableKey {
  engine: KindOfKey['engine'];
  type: string;
  field: Field;
  /** What no value of the field is written as, between two that are. */
  literals: readonly [string, string, string];
  why: RegExp;
}

const unusable: UnusableKey[] = [
  {
    engine: 'MariaDB',
    type: 'CHAR(36) COLLATE utf8mb4_bin',
    field: field.uuid(),
    literals: [`'${uuids[0]}'`, `'${upperCase}'`, `'${uuids[2]}'`],
    why: /keyed\.id holds a UUID that is not in lower case; correct the row/,
  },
  {
    engine: 'PostgreSQL',
    type: 'text COLLATE "C"',
    field: field.uuid(),
    literals: [`'${uuids[0]}'`, `'${upperCase}'`, `'${uuids[2]}'`],
    why: /keyed\.id holds a UUID that is not in lower case; correct the row/,
  },
  {
    engine: 'PostgreSQL',
    type: 'text COLLATE "C"',
    field: field.uuid(),
    literals: [`'${uuids[0]}'`, "'0190'", `'${uuids[2]}'`],
    why: /keyed\.id holds no UUID; correct the row/,
  },
  {
    engine: 'MariaDB',
    type: 'DATE',
    field: field.date(),
    literals: ["'0000-00-00'", "'2024-02-28'", "'2024-02-29'"],
    why: /zero date/,
  },
  {
    engine: 'MariaDB',
    type: 'VARCHAR(9) COLLATE utf8mb4_bin',
    field: field.text(),
    literals: ["'a'", "'a\0b'", "'b'"],
    why: /NUL/,
  },
  {
    engine: 'MariaDB',
    type: 'BIGINT',
    field: field.integer(),
    literals: ['-9007199254740993', '1', '2'],
    why: /2\^53/,
  },
  {
    engine: 'PostgreSQL',
    type: 'numeric',
    field: field.decimal(),
    literals: ['1', "'NaN'", '2'],
    why: /NaN/,
  },
  {
    engine: 'PostgreSQL',
    type: 'date',
    field: field.date(),
    literals: ["'-infinity'", "'2024-02-28'", "'2024-02-29'"],
    why: /infinity/,
  },
  {
    engine: 'PostgreSQL',
    type: 'text COLLATE "C"',
    field: field.text(),
    literals: ["'a'", "repeat('b', 800)", "'c'"],
    why: /a key of keyed has more than the 700 bytes that can be indexed; use a shorter key/,
  },
];

test.each(unusable)(
  'a key of $engine $type that nothing can be done with ($why) is told, and stops nothing',
  async ({ engine, type, field: of, literals, why }) => {
    await using at = await openKeyed(engine, type, of);
    const { store, keyed } = at;
    await at.sql(`INSERT INTO keyed VALUES ${literals.map((literal) => `(${literal}, 'here')`).join(', ')}`);
    const listed: Key[] = [];
    for (let after: Key | null = null; ; ) {
      const page: Key[] = await store.keys(keyed, { after, upTo: null, limit: 1 });
      listed.push(...page);
      after = page.at(-1) ?? null;
      if (after === null) break;
    }
    expect(new Set(listed.map(String)).size).toBe(3);
    expect(listed).toHaveLength(3);

    const records = await store.read(keyed, listed);
    const bad = records.filter(({ unreadable }) => unreadable !== null);
    expect(bad).toMatchObject([{ image: null, version: '0', unreadable: expect.stringMatching(why) }]);
    expect(records.filter(({ image }) => image?.note === 'here')).toHaveLength(2);
    const found = await store.values(keyed, listed);
    expect(found.filter(({ unreadable }) => unreadable !== null)).toHaveLength(1);
    // A value that a column has beside those of its field is found again all the same; of others nothing is to be had.
    const missing = await store.missingKeys(keyed, listed);
    const [key, ...more] = missing;
    if (!key) return;
    expect(more).toEqual([]);
    expect(key).toEqual(bad[0]?.key);
    expect(await store.unusableKeyReason(keyed, key)).toMatch(why);
    const [sound] = records.filter(({ image }) => image !== null);
    if (!sound?.image) throw new Error('two of three can be read');
    const given = { kind: 'replace', image: { ...sound.image, note: 'new' } } as const;
    const items = [key, sound.key].map((one) => ({ ...deleteOf(one), ...given }));
    expect(await store.write(keyed, items, fence)).toMatchObject([
      { status: 'failed', failure: { about: 'row', message: expect.stringMatching(why) } },
      { status: 'applied' },
    ]);
    expect(await at.sql("SELECT note FROM keyed WHERE note = 'new'")).toHaveLength(1);
    expect(await at.sql("SELECT note FROM keyed WHERE note = 'here'")).toHaveLength(2);
  },
);

test('a key for which null stands is refused where it is declared', () => {
  expect(keyedBy(field.date({ zero: 'null' })).faults).toEqual([
    { path: 'keyed.key', reason: expect.stringMatching(/a key may not be null/) },
  ]);
});

test('a zero date with a substitute is a key like others', async () => {
  const at = await openKeyed('MariaDB', 'DATE', field.date({ zero: { as: '0001-01-01' } }));
  await using _ = at;
  await at.sql("INSERT INTO keyed VALUES ('0000-00-00', 'zero'), ('2024-02-29', 'leap')");
  expect(await at.store.keys(at.keyed, { after: null, upTo: null, limit: 1 })).toEqual([['0001-01-01']]);
  expect(await at.store.keys(at.keyed, { after: ['0001-01-01'], upTo: null, limit: 1 })).toEqual([
    ['2024-02-29'],
  ]);
  expect(await readOne(at.store, at.keyed, ['0001-01-01'])).toMatchObject({ image: { note: 'zero' } });
});

function keyedBy(key: Field) {
  const fields: AnyFields = { id: key, note: field.text() };
  return entity({
    name: 'keyed',
    schema: z.custom<Record<string, unknown>>(),
    fields,
    key: 'id',
    legacy: table('keyed'),
    modern: table('keyed'),
  });
}

/** A store, with a table whose key is of the type; legacy is primary. */
async function openKeyed(engine: KindOfKey['engine'], type: string, key: Field, role: StoreName = 'legacy') {
  const keyed = keyedBy(key);
  const charset = engine === 'MariaDB' ? 'CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci' : '';
  const table = `CREATE TABLE keyed (id ${type} NOT NULL PRIMARY KEY, note VARCHAR(20)) ${charset}`;
  const onlyTables = engine === 'PostgreSQL' ? ['CREATE EXTENSION citext', table] : [table];
  const engineRole = await openRole({ engine, role }, { entities: [keyed], onlyTables });
  if (role === 'modern') await engineRole.asSecondary();
  return { keyed, ...engineRole };
}

function seenOf({ fields }: Entity, image: Image | null) {
  return { value: image && entityOf(fields, image), unreadable: null };
}
