import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Entity, entity } from '../../model/entity.ts';
import { type AnyFields, field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';
import { type EngineRole, openRole } from './engine-roles.ts';

/** What a scan finds of rows on their way from one engine to the other, without the words behind the reason's first ones. */
async function found(
  declared: Entity,
  from: EngineRole['engine'],
  made: { readonly source: readonly string[]; readonly target: readonly string[] },
): Promise<Record<string, number>> {
  const to = from === 'MariaDB' ? 'PostgreSQL' : 'MariaDB';
  const entities = [declared];
  await using source = await openRole(
    { engine: from, role: 'legacy' },
    { entities, onlyTables: made.source },
  );
  await using target = await openRole({ engine: to, role: 'modern' }, { entities, onlyTables: made.target });
  const unfit = await source.store.scan(declared, await target.store.pageTarget(declared));
  return Object.fromEntries(unfit.map(({ at, reason, rows }) => [`${at} ${reason}`, rows]));
}

function item(fields: AnyFields, key: string): Entity {
  return {
    ...entity({
      name: 'item',
      schema: z.custom<{ id: string }>(),
      fields: { id: field.text() },
      key: 'id',
      legacy: table('items'),
      modern: table('items'),
    }),
    fields,
    key: [key],
  };
}

test('a scan from MariaDB counts what PostgreSQL would refuse, and nothing else', async () => {
  const declared = item(
    {
      id: field.bigint(),
      day: field.date(),
      note: field.text({ nul: 'bytes' }),
      word: field.text(),
      price: field.decimal({ scale: 2 }),
    },
    'id',
  );
  const unfit = await found(declared, 'MariaDB', {
    source: [
      'CREATE TABLE items (id BIGINT UNSIGNED PRIMARY KEY, day DATE, note BLOB, word VARCHAR(20), price DECIMAL(12, 2))',
      "SET sql_mode = ''",
      `INSERT INTO items VALUES (1, '2020-02-29', 'plain', 'short', 1.5), (2, '0000-00-00', X'610062', 'much too long', 99999.99),
         (18446744073709551615, '0000-00-00', NULL, NULL, NULL), (9223372036854775807, NULL, NULL, 'ü€ü', -123456.78)`,
    ],
    target: [
      'CREATE TABLE items (id bigint PRIMARY KEY, day date, note text, word varchar(5), price numeric(7, 2))',
    ],
  });
  expect(unfit).toEqual({
    'items.id is out of the range of bigint': 1,
    [Object.keys(unfit).find((reason) => reason.startsWith('items.day')) ?? 'items.day']: 2,
    [Object.keys(unfit).find((reason) => reason.startsWith('items.note holds a NUL')) ?? 'items.note']: 1,
    'items.word is longer than character varying(5)': 1,
    'items.price is out of the range of numeric(7,2)': 1,
  });
});

test('a UUID in upper case is found in a key, and does not end the scan', async () => {
  const declared = item({ id: field.uuid() }, 'id');
  const lower = '0190b6c0-7e1a-7000-8000-00000000000';
  const unfit = await found(declared, 'MariaDB', {
    source: [
      'CREATE TABLE items (id VARCHAR(36) COLLATE utf8mb4_bin PRIMARY KEY)',
      `INSERT INTO items VALUES ('${lower}a'), ('${lower.toUpperCase()}B'), ('${lower}c')`,
    ],
    target: ['CREATE TABLE items (id uuid PRIMARY KEY)'],
  });
  expect(unfit).toEqual({ 'items.id holds a UUID that is not in lower case': 1 });
});

test('a scan from PostgreSQL counts NaN, what is too long, and keys that are one to a collation', async () => {
  const declared = item(
    { id: field.text(), ratio: field.float(), seen: field.timestamp(), n: field.integer() },
    'id',
  );
  const unfit = await found(declared, 'PostgreSQL', {
    source: [
      'CREATE TABLE items (id text PRIMARY KEY, ratio double precision, seen timestamptz, n integer)',
      `INSERT INTO items VALUES ('a', 1.5, '2020-01-01Z', 127), ('A', 'NaN', '1969-12-31Z', 128), ('b', 'Infinity', '2039-01-01Z', -129), ('much too long', 0, NULL, NULL)`,
    ],
    target: [
      'CREATE TABLE items (id VARCHAR(10) COLLATE utf8mb4_general_ci PRIMARY KEY, ratio DOUBLE, seen TIMESTAMP(6) NULL, n TINYINT)',
    ],
  });
  const reasonOf = (start: string) => Object.keys(unfit).find((reason) => reason.startsWith(start)) ?? start;
  expect(unfit).toEqual({
    'items.id is longer than varchar(10)': 1,
    [reasonOf('items.id is one with that of another row to a unique key')]: 2,
    [reasonOf('items.ratio holds NaN')]: 1,
    [reasonOf('items.ratio holds infinity')]: 1,
    'items.seen is out of the range of timestamp(6)': 2,
    [reasonOf('items.n is out of the range of tinyint')]: 2,
  });
});

test('a scan counts rows that a unique key of the other store takes for one', async () => {
  const declared = item(
    { id: field.text(), mail: field.text(), code: field.text(), word: field.text(), n: field.integer() },
    'id',
  );
  const unfit = await found(declared, 'PostgreSQL', {
    source: [
      'CREATE TABLE items (id text PRIMARY KEY, mail text UNIQUE, code text UNIQUE, word text UNIQUE, n integer)',
      `INSERT INTO items VALUES ('cafe', 'ann@x', 'a', 'beginning', 1), ('café', 'Ann@x', 'A', 'begins', 1), ('x', NULL, 'a ', NULL, NULL),
         ('x ', NULL, 'b', 'ends', NULL), ('straße', 'ann', 'c', NULL, 2), ('strasse', '🎉', 'd', 'bégun', 3), ('y', '🎃', 'e', 'z', 3)`,
    ],
    target: [
      `CREATE TABLE items (id VARCHAR(20) COLLATE utf8mb4_unicode_ci PRIMARY KEY, mail VARCHAR(20) COLLATE utf8mb4_general_ci UNIQUE,
         code VARCHAR(20) COLLATE utf8mb4_bin UNIQUE, word TEXT COLLATE utf8mb4_unicode_nopad_ci, n INT, UNIQUE KEY begun (word(3)), UNIQUE KEY both_of (n, mail))`,
    ],
  });
  const counts = Object.fromEntries(Object.entries(unfit).map(([reason, n]) => [reason.split(' ')[0], n]));
  expect(counts).toEqual({ 'items.id': 6, 'items.mail': 4, 'items.code': 2, 'items.word': 3, 'items.n,': 4 });
  // As the server itself does.
  await using target = await openRole(
    { engine: 'MariaDB', role: 'modern' },
    {
      entities: [declared],
      onlyTables: [
        `CREATE TABLE items (id VARCHAR(20) PRIMARY KEY, mail VARCHAR(20) COLLATE utf8mb4_general_ci UNIQUE,
           code VARCHAR(20), word TEXT, n INT)`,
      ],
    },
  );
  await target.sql(
    "INSERT IGNORE INTO items (id, mail) VALUES (1, 'ann@x'), (2, 'Ann@x'), (3, '🎉'), (4, '🎃'), (5, 'ann')",
  );
  expect(await target.sql('SELECT COUNT(*) AS n FROM items')).toEqual([{ n: '3' }]);
});

test('a scan counts rows that are the same where the other store wants each once', async () => {
  const declared = item({ id: field.integer(), mail: field.text(), word: field.text() }, 'id');
  const unfit = await found(declared, 'MariaDB', {
    source: [
      'CREATE TABLE items (id INT PRIMARY KEY, mail VARCHAR(20) COLLATE utf8mb4_bin, word VARCHAR(20))',
      "INSERT INTO items VALUES (1, 'a', 'Hat'), (2, 'A', 'hat'), (3, 'b', NULL), (4, 'b', 'cat'), (5, NULL, 'dog'), (6, NULL, 'dog')",
    ],
    target: [
      'CREATE EXTENSION IF NOT EXISTS citext',
      'CREATE TABLE items (id integer PRIMARY KEY, mail text UNIQUE, word citext UNIQUE)',
    ],
  });
  const counts = Object.fromEntries(Object.entries(unfit).map(([reason, n]) => [reason.split(' ')[0], n]));
  expect(counts).toEqual({ 'items.mail': 2, 'items.word': 4 });
});

test('shapes of functions are looked at record by record', async () => {
  const shape = rows<{ id: number; word: string }, { items: { id: number; word: string }[] }>({
    tables: { items: { key: ['id'] } },
    toRows: (record) => ({ items: [record] }),
    fromRows: ({ items: [record] }) => record ?? { id: 0, word: '' },
  });
  const declared = entity({
    name: 'item',
    schema: z.object({ id: z.int(), word: z.string() }),
    key: 'id',
    legacy: shape,
    modern: shape,
  });
  const unfit = await found(declared, 'PostgreSQL', {
    source: [
      'CREATE TABLE items (id integer PRIMARY KEY, word text NOT NULL)',
      "INSERT INTO items SELECT n, repeat('w', n) FROM generate_series(1, 600) n",
    ],
    target: ['CREATE TABLE items (id INT PRIMARY KEY, word VARCHAR(590) NOT NULL)'],
  });
  expect(unfit).toEqual({ 'item items.word is longer than varchar(590)': 10 });
});
