import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openStore } from '../../databases/open.ts';
import { type Entity, entity } from '../../model/entity.ts';
import { type AnyFields, type Field, field } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { rows, table } from '../../model/shape.ts';
import { createDatabases, type Databases } from '../support/servers.ts';
import { type Direct, direct } from './direct.ts';

type Engine = 'MariaDB' | 'PostgreSQL';
interface Refused {
  /** What the table is made of beside its key. */
  column: string;
  field?: Field;
  why: RegExp;
}

const spatial = /is spatial.*leave it out/;
const unmapped = /is not mapped; leave the column out/;
const refused: Record<Engine, Refused[]> = {
  MariaDB: [
    ...['GEOMETRY', 'POINT', 'LINESTRING', 'POLYGON', 'MULTIPOINT', 'GEOMETRYCOLLECTION'].map((type) => ({
      column: `v ${type}`,
      why: spatial,
    })),
    { column: 'v INT GENERATED ALWAYS AS (id + 1) STORED', field: field.integer(), why: /generated/ },
    { column: 'v INT GENERATED ALWAYS AS (id + 1) VIRTUAL', field: field.integer(), why: /generated/ },
    { column: 'v VARCHAR(10)', field: field.integer(), why: /varchar\(10\) cannot hold a integer field/ },
    { column: 'v BIT(2)', field: field.boolean(), why: /more than one bit/ },
    { column: 'v BIT(8)', field: field.bits({ length: 7 }), why: /keeps 8 bits, the field has 7/ },
    { column: 'v BINARY(15)', field: field.uuid(), why: /not 16 bytes/ },
    { column: 'v BLOB', field: field.text(), why: /nul: 'bytes'/ },
    {
      column: 'v TIME(3)',
      field: field.duration({ precision: 6 }),
      why: /keeps 3 digits after the second, the field has 6/,
    },
    { column: 'v DATETIME', field: field.timestamp({ precision: 3 }), why: /keeps 0 digits/ },
    { column: 'v DECIMAL(10,2)', field: field.decimal({ scale: 3 }), why: /keeps 2 digits after the point/ },
    { column: 'v DECIMAL(10,2)', field: field.bigint(), why: /more than whole numbers/ },
    { column: 'v SET("a")', field: field.json(), why: /cannot hold a json field/ },
    { column: 'V VARCHAR(10)', why: /but there is "V"; names are taken letter by letter/ },
    { column: 'w VARCHAR(10)', why: /there is no column "v"; the table has id, w/ },
  ],
  PostgreSQL: [
    ...['point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle'].map((type) => ({
      column: `v ${type}`,
      why: spatial,
    })),
    ...['pg_lsn', 'jsonpath', 'txid_snapshot', 'refused_row', 'bytea[]', 'jsonb[]', 'timestamp[]'].map(
      (type) => ({ column: `v ${type}`, why: unmapped }),
    ),
    { column: 'v numeric(5,-2)', field: field.decimal(), why: /rounds before the point/ },
    { column: 'v integer GENERATED ALWAYS AS (id + 1) STORED', field: field.integer(), why: /generated/ },
    {
      column: 'v integer GENERATED ALWAYS AS IDENTITY',
      field: field.integer(),
      why: /nobody can update it; change it to BY DEFAULT/,
    },
    { column: 'v boolean', field: field.integer(), why: /boolean cannot hold a integer field/ },
    { column: 'v bytea', field: field.text(), why: /nul: 'bytes'/ },
    { column: 'v bit(8)', field: field.bits({ length: 9 }), why: /keeps 8 bits, the field has 9/ },
    {
      column: 'v interval(0)',
      field: field.duration({ precision: 6 }),
      why: /keeps 0 digits after the second/,
    },
    { column: 'v integer[]', field: field.set(), why: /holds no texts/ },
    { column: 'v timestamptz(3)', field: field.timestamp({ precision: 6 }), why: /keeps 3 digits/ },
    { column: '"V" text', why: /but there is "V"; names are taken letter by letter/ },
  ],
};

const keys: Record<Engine, { table: string; field: Field; why: RegExp }[]> = {
  MariaDB: [
    { table: 'id INT NOT NULL', field: field.integer(), why: /not unique: no primary key/ },
    { table: 'id INT UNIQUE', field: field.integer(), why: /may be null.*NOT NULL/ },
    { table: 'id VARCHAR(50) NOT NULL, UNIQUE (id(10))', field: field.text(), why: /not unique/ },
    { table: "id ENUM('a','b') PRIMARY KEY", field: field.text(), why: /does not sort as text/ },
    { table: 'id INT NOT NULL, w INT, UNIQUE (id, w)', field: field.integer(), why: /not unique/ },
  ],
  PostgreSQL: [
    { table: 'id integer NOT NULL', field: field.integer(), why: /not unique: no primary key/ },
    { table: 'id integer UNIQUE', field: field.integer(), why: /may be null.*NOT NULL/ },
    {
      table: 'id integer NOT NULL, EXCLUDE USING btree (id WITH =)',
      field: field.integer(),
      why: /not unique/,
    },
    { table: 'id integer NOT NULL UNIQUE DEFERRABLE', field: field.integer(), why: /not unique/ },
    { table: 'id inet PRIMARY KEY', field: field.text(), why: /does not sort as text/ },
  ],
};

describe.each(['MariaDB', 'PostgreSQL'] as const)('%s refuses, before anything is made,', (engine) => {
  let databases: Databases;
  let look: Direct;
  let url: string;
  beforeAll(async () => {
    databases = await createDatabases();
    url = engine === 'MariaDB' ? databases.mysqlUrl : databases.postgresqlUrl;
    look = await direct(url);
    if (engine === 'PostgreSQL') await look.rows('CREATE TYPE refused_row AS (a integer)');
  });
  afterAll(async () => {
    await look?.end();
    await databases?.drop();
  });

  test.each(refused[engine])('$column', async ({ column, field: declared = field.text(), why }) => {
    const id = engine === 'MariaDB' ? 'id INT PRIMARY KEY' : 'id integer PRIMARY KEY';
    await expectRefused(`CREATE TABLE things (${id}, ${column})`, 'things', { v: declared }, why);
  });

  test.each(keys[engine])('a key of $table', async ({ table, field: declared, why }) => {
    await expectRefused(`CREATE TABLE things (${table})`, 'things', { id: declared }, why);
  });

  test('a table that is not there', async () => {
    await expectRefused('SELECT 1', 'things', {}, /there is no table "things"/);
  });

  test.each(['a?b', 'a"b', 'a\\b', 'a`b'])('a column of the name %s', async (name) => {
    const quoted =
      engine === 'MariaDB' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`;
    const sql = `CREATE TABLE things (id INTEGER PRIMARY KEY, ${quoted} INTEGER)`;
    await expectRefused(sql, 'things', { [name]: field.integer() }, /rename it/);
  });

  async function expectRefused(sql: string, table: string, fields: AnyFields, why: RegExp) {
    await look.rows('DROP TABLE IF EXISTS things');
    await look.rows(sql);
    const store = storeOf(thing(table, { id: field.integer(), ...fields }), url);
    try {
      await expect(store.prepare()).rejects.toMatchObject({
        code: 'InvalidDefinition',
        message: expect.stringMatching(why),
      });
      const routines = await look.rows(
        "SELECT routine_name FROM information_schema.routines WHERE routine_name LIKE '%thing'",
      );
      expect(routines).toEqual([]);
    } finally {
      await store.close();
    }
  }
});

test.each([
  ['v', field.json(), /integer cannot hold a json field/],
  ['V', field.integer(), /but there is "v"/],
  ['w', field.integer(), /there is no column "w"; the table has id, v/],
] as const)('a field of a function table that does not fit is refused: %s', async (name, declared, why) => {
  await using databases = await createDatabases();
  const look = await direct(databases.postgresqlUrl);
  await look.rows('CREATE TABLE things (id integer PRIMARY KEY, v integer)');
  await look.end();
  const shape = () =>
    rows<{ id: number }, { things: { id: number }[] }>({
      tables: { things: { key: ['id'], fields: { [name]: declared } } },
      toRows: (row) => ({ things: [row] }),
      fromRows: ({ things: [row] }) => row ?? { id: 0 },
    });
  const shaped = entity({
    name: 'thing',
    schema: z.custom<{ id: number }>(),
    fields: { id: field.integer() },
    key: 'id',
    legacy: shape(),
    modern: shape(),
  });
  const store = storeOf(shaped, databases.postgresqlUrl);
  await expect(store.prepare()).rejects.toMatchObject({
    code: 'InvalidDefinition',
    message: expect.stringMatching(why),
  });
  await store.close();
});

test('PostgreSQL does not take a table whose name it has cut for the one that is meant', async () => {
  const name = 'x'.repeat(64);
  await using databases = await createDatabases();
  const look = await direct(databases.postgresqlUrl);
  await look.rows(`CREATE TABLE ${name.slice(0, 63)} (id integer PRIMARY KEY)`);
  await look.end();
  const store = storeOf(thing(name, { id: field.integer() }), databases.postgresqlUrl);
  await expect(store.prepare()).rejects.toMatchObject({
    message: expect.stringMatching(/there is no table/),
  });
  await store.close();
});

function thing(tableName: string, fields: AnyFields): Entity<Record<string, unknown>> {
  return entity({
    name: 'thing',
    schema: z.custom<Record<string, unknown>>(),
    fields,
    key: 'id',
    legacy: table(tableName),
    modern: table(tableName),
  });
}

function storeOf(declared: Entity, url: string) {
  const migration = defineMigration({
    name: 'refusals',
    entities: [declared],
    deadline: '2100-01-01T00:00:00Z',
    legacy: { urlFrom: 'URL' },
  });
  return openStore(migration, 'legacy', { URL: url });
}
