import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import { openStore } from '../../databases/open.ts';
import { type Entity, entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { rows, table } from '../../model/shape.ts';
import { createDatabases, type Databases } from '../support/servers.ts';
import { type Direct, direct } from './direct.ts';
import { fence, firstPage, migrationName, openRole, writeOf, writeOne } from './engine-roles.ts';

type Engine = 'MariaDB' | 'PostgreSQL';

interface Item {
  id: number;
  name: string | null;
}

const item = entity({
  name: 'item',
  schema: z.custom<Item>(),
  fields: { id: field.integer(), name: field.text() },
  key: 'id',
  legacy: table('items'),
  modern: table('items'),
});

const noKey = /\(id\) is not unique/;
const unfilled = /no field fills tenant, which may not be null and has no default/;

/** Statements that make the table, and what is wrong with it; null where nothing is. */
const cases: Record<Engine, readonly { about: string; made: readonly string[]; why: RegExp | null }[]> = {
  PostgreSQL: [
    {
      about: 'an index that is not valid',
      made: [
        'CREATE TABLE items (id integer NOT NULL, name text)',
        'CREATE UNIQUE INDEX items_id ON items (id)',
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_id'::regclass",
      ],
      why: noKey,
    },
    {
      about: 'a view',
      made: [
        'CREATE TABLE other (id integer PRIMARY KEY, name text)',
        'CREATE VIEW items AS SELECT * FROM other',
      ],
      why: /"items" is a view, and no table; name the table that keeps the rows/,
    },
    {
      about: 'a materialized view with a unique index',
      made: [
        'CREATE TABLE other (id integer PRIMARY KEY, name text)',
        'CREATE MATERIALIZED VIEW items AS SELECT * FROM other',
        'CREATE UNIQUE INDEX ON items (id)',
      ],
      why: /"items" is a materialized view, and no table/,
    },
    {
      about: 'a table that a crash empties',
      made: ['CREATE UNLOGGED TABLE items (id integer PRIMARY KEY, name text)'],
      why: /"items" is unlogged: .* SET LOGGED/,
    },
    {
      about: 'a partition that a crash empties',
      made: [
        'CREATE TABLE items (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id)',
        'CREATE UNLOGGED TABLE other_items PARTITION OF items DEFAULT',
      ],
      why: /"items" is unlogged/,
    },
    {
      about: 'a parent of tables that inherit',
      made: [
        'CREATE TABLE items (id integer PRIMARY KEY, name text)',
        'CREATE TABLE more () INHERITS (items)',
      ],
      why: noKey,
    },
    {
      about: 'partitions, whose index is one',
      made: [
        'CREATE TABLE items (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id)',
        'CREATE TABLE other_items PARTITION OF items DEFAULT',
      ],
      why: null,
    },
    {
      about: 'a column that nobody fills',
      made: ['CREATE TABLE items (id integer PRIMARY KEY, name text, tenant integer NOT NULL)'],
      why: unfilled,
    },
    {
      about: 'a column of a domain that may not be null',
      made: [
        'CREATE DOMAIN needed AS integer NOT NULL',
        'CREATE TABLE items (id integer PRIMARY KEY, name text, tenant needed)',
      ],
      why: unfilled,
    },
    {
      about: 'columns that fill themselves',
      made: [
        'CREATE DOMAIN given AS integer NOT NULL DEFAULT 3',
        `CREATE TABLE items (id integer PRIMARY KEY, name text, tenant integer NOT NULL DEFAULT 1, n integer GENERATED ALWAYS AS IDENTITY,
           g integer NOT NULL GENERATED ALWAYS AS (id + 1) STORED, d given)`,
      ],
      why: null,
    },
    {
      about: 'a column that a trigger may fill',
      made: [
        'CREATE TABLE items (id integer PRIMARY KEY, name text, tenant integer NOT NULL)',
        "CREATE FUNCTION filled() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tenant := 1; RETURN NEW; END'",
        'CREATE TRIGGER filled BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION filled()',
      ],
      why: null,
    },
  ],
  MariaDB: [
    {
      about: 'a view',
      made: [
        'CREATE TABLE other (id INT PRIMARY KEY, name TEXT)',
        'CREATE VIEW items AS SELECT * FROM other',
      ],
      why: /"items" is a view, and no table; name the table that keeps the rows/,
    },
    {
      about: 'a table kept without transactions',
      made: ['CREATE TABLE items (id INT PRIMARY KEY, name TEXT) ENGINE = MyISAM'],
      why: /"items" is kept by MyISAM, which has no transactions.*; ALTER TABLE items ENGINE = InnoDB/,
    },
    {
      about: 'a table that keeps its history',
      made: ['CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(50)) WITH SYSTEM VERSIONING'],
      why: null,
    },
    {
      about: 'a column that nobody fills',
      made: ['CREATE TABLE items (id INT PRIMARY KEY, name TEXT, tenant INT NOT NULL)'],
      why: unfilled,
    },
    {
      about: 'columns that fill themselves',
      made: [
        `CREATE TABLE items (id INT PRIMARY KEY, name TEXT, tenant INT NOT NULL DEFAULT 1, n INT NOT NULL AUTO_INCREMENT UNIQUE,
           g INT GENERATED ALWAYS AS (id + 1) STORED, e ENUM('a', 'b') NOT NULL, t TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
      ],
      why: null,
    },
    {
      about: 'a column that a trigger may fill',
      made: [
        'CREATE TABLE items (id INT PRIMARY KEY, name TEXT, tenant INT NOT NULL)',
        'CREATE TRIGGER filled BEFORE INSERT ON items FOR EACH ROW SET NEW.tenant = 1',
      ],
      why: null,
    },
  ],
};

describe.each(['PostgreSQL', 'MariaDB'] as const)('a table of %s is taken for what it is', (engine) => {
  let databases: Databases;
  let sql: Direct;
  beforeAll(async () => {
    databases = await createDatabases();
    sql = await direct(urlOf());
  });
  afterAll(async () => {
    await sql?.end();
    await databases?.drop();
  });

  function urlOf(): string {
    return engine === 'PostgreSQL' ? databases.postgresqlUrl : databases.mysqlUrl;
  }

  async function whyNot(declared: Entity): Promise<string | null> {
    const migration = defineMigration({
      name: 'facts',
      entities: [declared],
      deadline: '2100-01-01T00:00:00Z',
      legacy: { urlFrom: 'URL' },
    });
    const store = openStore(migration, 'legacy', { URL: urlOf() });
    try {
      await store.assertDefinable();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await store.close();
    }
  }

  test.each(cases[engine])('$about', async ({ made, why }) => {
    await drop();
    for (const statement of made) await sql.rows(statement);
    const found = await whyNot(item);
    if (why === null) expect(found).toBeNull();
    else expect(found).toMatch(why);
  });

  async function drop(): Promise<void> {
    if (engine === 'MariaDB') {
      await sql.rows('DROP VIEW IF EXISTS items');
      await sql.rows('DROP TABLE IF EXISTS items, other');
      return;
    }
    // Whatever kind it is, and all that leans on it.
    for (const statement of ['DROP SCHEMA public CASCADE', 'CREATE SCHEMA public']) await sql.rows(statement);
  }
});

describe('what a database gives another meaning', () => {
  test('key 0 stays 0 in an AUTO_INCREMENT column, and no row takes its place', async () => {
    const made = 'CREATE TABLE items (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT)';
    await using source = await openRole(
      { engine: 'PostgreSQL', role: 'legacy' },
      {
        entities: [item],
        onlyTables: [
          'CREATE TABLE items (id bigint PRIMARY KEY, name text)',
          "INSERT INTO items VALUES (0, 'zero'), (1, 'the real one'), (5, 'five')",
        ],
      },
    );
    await using target = await openRole(
      { engine: 'MariaDB', role: 'modern' },
      { entities: [item], onlyTables: [made] },
    );
    await target.asSecondary();
    const { from, read } = await firstPage(source, target, item);
    const leftover = async () => ({ items: [], unreadable: [], lossy: [] });
    const step = { from, next: { cursor: read.last, done: true }, checkExisting: false, checkParents: false };
    const result = await loadPending(target.store, item, { leftover }, read, step, fence);
    expect(result).toMatchObject({ copied: 3, refused: 0 });
    const found = await target.sql('SELECT id, name FROM items ORDER BY id');
    expect(found).toEqual([
      { id: '0', name: 'zero' },
      { id: '1', name: 'the real one' },
      { id: '5', name: 'five' },
    ]);
    const one = writeOf(item, { id: 0, name: 'changed' }, { mode: 'secondary', version: '2' });
    expect(await writeOne(target.store, item, one)).toMatchObject({ status: 'applied' });
    expect(await target.sql('SELECT id FROM items ORDER BY id')).toEqual([
      { id: '0' },
      { id: '1' },
      { id: '5' },
    ]);
  });

  test('labels of ENUM and SET are what they say, with backslashes, quotes and line breaks', async () => {
    const labels = ['a\\b', "it's", 'x\ny', 'c;d', "q'", 'back\\', '\\n', 'r\rr', 'plain'];
    const literal = (label: string) =>
      `'${label.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;
    const listed = labels.map(literal).join(', ');
    interface Labelled {
      id: number;
      one: string;
      some: string[];
    }
    const labelled = entity({
      name: 'labelled',
      schema: z.custom<Labelled>(),
      fields: { id: field.integer(), one: field.text(), some: field.set() },
      key: 'id',
      legacy: table('labelled'),
      modern: table('labelled'),
    });
    const made = `CREATE TABLE labelled (id INT PRIMARY KEY, one ENUM(${listed}) NOT NULL, some SET(${listed}) NOT NULL)`;
    await using opened = await openRole(
      { engine: 'MariaDB', role: 'legacy' },
      { entities: [labelled], onlyTables: [made] },
    );
    const outcomes = await opened.store.write(
      labelled,
      labels.map((one, id) => writeOf(labelled, { id, one, some: [one] })),
      fence,
    );
    expect(outcomes.map((outcome) => outcome.status)).toEqual(labels.map(() => 'applied'));
    const stored = await opened.store.read(
      labelled,
      labels.map((_, id) => [String(id)]),
    );
    expect(stored.map(({ image }) => image?.one)).toEqual(labels);
    const there = await opened.sql('SELECT one FROM labelled ORDER BY id');
    expect(there.map(({ one }) => one)).toEqual(labels);
  });

  test('a row that a trigger leaves out is not taken for written', async () => {
    const made = [
      'CREATE TABLE items (id integer PRIMARY KEY, name text)',
      "CREATE FUNCTION dropped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN NEW.id % 2 = 0 THEN NEW END; END'",
      'CREATE TRIGGER dropped BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION dropped()',
    ];
    await using opened = await openRole(
      { engine: 'PostgreSQL', role: 'modern' },
      { entities: [item], onlyTables: made },
    );
    const one = await writeOne(opened.store, item, writeOf(item, { id: 1, name: 'odd' }));
    expect(one).toMatchObject({ status: 'failed', failure: { about: 'trigger' } });
    const list = await opened.store.write(
      item,
      [1, 2, 3, 4].map((id) => writeOf(item, { id, name: 'n' })),
      fence,
    );
    expect(list.map(({ status }) => status)).toEqual(['failed', 'applied', 'failed', 'applied']);
    await opened.sql('DELETE FROM items');
    await opened.sql('DELETE FROM lockstep.records');
    await opened.asSecondary();
    await opened.store.planChunks(migrationName, item.name, []);
    const [from] = await opened.store.chunks(migrationName, item.name);
    const into = await opened.store.pageTarget(item);
    if (!from) throw new Error('a chunk is planned');
    const images = [1, 2, 3].map((id) => ({ key: [String(id)], image: { id: String(id), name: 'n' } }));
    const { page } = into.pageOf(images);
    const load = {
      page,
      except: [],
      leftover: { items: [], unreadable: [], lossy: [] },
      from,
      next: { cursor: ['3'], done: true },
      checkExisting: false,
      checkParents: false,
    };
    const result = await opened.store.loadPage(item, load, fence);
    expect(result).toEqual({ status: 'rejected', positions: [0, 2] });
  });

  test('a shape that leaves a table out is refused, because no rows are not the same as none given', async () => {
    const made = [
      'CREATE TABLE items (id integer PRIMARY KEY, name text)',
      'CREATE TABLE parts (item integer NOT NULL, n integer NOT NULL, PRIMARY KEY (item, n))',
    ];
    interface Given {
      items: { id: number; name: string | null }[];
      parts?: { item: number; n: number }[];
    }
    const shape = rows<Item, { items: Given['items']; parts: { item: number; n: number }[] }>({
      tables: { items: { key: ['id'] }, parts: { key: ['item'], identity: ['item', 'n'] } },
      toRows: ({ id, name }) => ({ items: [{ id, name }] }) as never,
      fromRows: ({ items: [found] }) => ({ id: found?.id ?? 0, name: found?.name ?? null }),
    });
    const split = entity({
      name: 'split',
      schema: z.custom<Item>(),
      key: 'id',
      legacy: shape,
      modern: shape,
      fields: { id: field.integer(), name: field.text() },
    });
    await using opened = await openRole(
      { engine: 'PostgreSQL', role: 'legacy' },
      { entities: [split], onlyTables: made },
    );
    expect(await writeOne(opened.store, split, writeOf(split, { id: 1, name: 'a' }))).toMatchObject({
      status: 'failed',
      failure: { message: expect.stringContaining('gave no rows of "parts"; give [] where it has none') },
    });
  });
});
