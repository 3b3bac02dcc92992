import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../../databases/contract/store.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import type { Parameter } from '../../databases/engine/session.ts';
import { createSqlStore } from '../../databases/sql-store.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { table } from '../../model/shape.ts';
import { fence, openEngineAs, openRole, writeOf } from './engine-roles.ts';

interface Entry {
  region: string;
  day: string;
  number: bigint;
  note: string | null;
}

/** Two regions only, so that whoever begins at a region and not at a key reads half of the table. */
const entry = entity({
  name: 'entry',
  schema: z.custom<Entry>(),
  fields: { region: field.text(), day: field.date(), number: field.bigint(), note: field.text() },
  key: ['region', 'day', 'number'],
  legacy: table('entries'),
  modern: table('entries'),
});

const rows = 20_000;
const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit}`).join(' UNION ALL ');
const entries = {
  MariaDB: [
    `CREATE TABLE entries (region VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL, day DATE NOT NULL, number BIGINT UNSIGNED NOT NULL,
       note VARCHAR(20), PRIMARY KEY (region, day, number))`,
    `INSERT INTO entries SELECT IF(n < ${rows / 2}, 'North', 'South'), '2024-01-01' + INTERVAL n DIV 100 DAY, n, 'x' FROM
       (WITH d (n) AS (${digits}) SELECT a.n + 10 * b.n + 100 * c.n + 1000 * e.n + 10000 * f.n AS n FROM d a, d b, d c, d e, d f) s WHERE n < ${rows}`,
    'ANALYZE TABLE entries',
  ],
  PostgreSQL: [
    `CREATE TABLE entries (region varchar(20) COLLATE "C" NOT NULL, day date NOT NULL, number bigint NOT NULL, note text, PRIMARY KEY (region, day, number))`,
    `INSERT INTO entries SELECT CASE WHEN n < ${rows / 2} THEN 'North' ELSE 'South' END, date '2024-01-01' + n / 100, n, 'x' FROM generate_series(0, ${rows - 1}) n`,
    'VACUUM ANALYZE entries',
  ],
};

function keyAt(engineRole: number): Key {
  const day = new Date(Date.UTC(2024, 0, 1 + Math.floor(engineRole / 100))).toISOString().slice(0, 10);
  return [engineRole < rows / 2 ? 'North' : 'South', day, String(engineRole)];
}

interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/** A store that also notes what it asks its database. */
function noting(engine: Engine): { store: Store; asked: Statement[] } {
  const asked: Statement[] = [];
  const query: Engine['query'] = (sql, parameters = []) => {
    asked.push({ sql, parameters });
    return engine.query(sql, parameters);
  };
  const copyOut: Engine['bulk']['copyOut'] = (statement, ...rest) => {
    asked.push(statement);
    return engine.bulk.copyOut(statement, ...rest);
  };
  const migration = defineMigration({ name: 'move', entities: [entry], deadline: '2100-01-01T00:00:00Z' });
  return {
    store: createSqlStore('legacy', { ...engine, query, bulk: { ...engine.bulk, copyOut } }, migration),
    asked,
  };
}

const limit = 50;
/** Everything that pages by key, a page each. Half of the places lie where few keys of the same region come before. */
const pages: Readonly<Record<string, (store: Store, after: number) => Promise<unknown>>> = {
  'a page of keys': (store, after) => store.keys(entry, { after: keyAt(after), upTo: null, limit }),
  'a page of keys of a range': (store, after) =>
    store.keys(entry, { after: keyAt(after), upTo: keyAt(rows - 20), limit }),
  'a page of rows': async (store, after) => {
    const target = await store.pageTarget(entry);
    const read = await store.readPage(entry, target, {
      after: keyAt(after),
      upTo: keyAt(rows - 20),
      limit,
    });
    expect(read?.page.keys).toBe(limit);
    read?.page.release();
  },
  'a page of images': (store, after) =>
    store.readImages(entry, { after: keyAt(after), upTo: keyAt(rows - 20), limit }),
  'a step': (store, after) => store.steps(entry, { lower: keyAt(after), upper: null }, limit, 1),
  'a digest': (store, after) => store.digests(entry, [{ lower: keyAt(after), upper: keyAt(after + limit) }]),
  'a list of hashes': (store, after) =>
    store.rowDigests(entry, { lower: keyAt(after), upper: keyAt(after + limit) }),
};

describe.each(['MariaDB', 'PostgreSQL'] as const)('at %s', (engineName) => {
  test('no page reads more rows than it gives, wherever it begins', async () => {
    await using at = await openRole(
      { engine: engineName, role: 'legacy' },
      { entities: [entry], onlyTables: entries[engineName] },
    );
    const engine = openEngineAs('legacy', at.url);
    await using _ = { [Symbol.asyncDispose]: () => engine.close() };
    const { store, asked } = noting(engine);
    for (const [name, page] of Object.entries(pages)) {
      for (const after of [200, rows / 2 - 200, rows / 2 + 10, rows - 200]) {
        asked.length = 0;
        await page(store, after);
        const [statement, ...others] = asked.filter(({ sql }) => /\bentries\b/.test(sql) && / t\b/.test(sql));
        if (!statement || others.length > 0) throw new Error(`${name} asks the table once`);
        const looked = await (engineName === 'MariaDB' ? lookAtMysql : lookAtPostgresql)(engine, statement);
        expect({ name, after, ...looked }).toEqual({
          name,
          after,
          range: true,
          sorted: false,
          read: expect.any(Number),
        });
        expect(looked.read).toBeLessThanOrEqual(limit + 2);
      }
    }
  });
});

interface Looked {
  /** Whether the key's index is entered at a key of the range. */
  range: boolean;
  sorted: boolean;
  /** Rows that were read. */
  read: number;
}

async function lookAtMysql(engine: Engine, { sql, parameters }: Statement): Promise<Looked> {
  const plan = await engine.query(`EXPLAIN ${sql}`, parameters);
  const table = plan.find((line) => line.table === 't');
  const readBefore = async (inside: Pick<Engine, 'query'>) => {
    const counters = await inside.query(`SHOW SESSION STATUS LIKE 'Handler_read%'`);
    return counters
      .filter(({ Variable_name: name }) => !/rnd|tmp/.test(name ?? ''))
      .reduce((sum, { Value: value }) => sum + Number(value), 0);
  };
  const read = await engine.transaction(async (session) => {
    const before = await readBefore(session);
    await session.query(sql, parameters);
    return (await readBefore(session)) - before;
  });
  return {
    range: table?.type === 'range' && table.key === 'PRIMARY',
    sorted: plan.some(({ Extra: extra }) => /filesort/.test(extra ?? '')),
    read,
  };
}

interface PlanNode {
  'Node Type': string;
  'Index Cond'?: string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

async function lookAtPostgresql(engine: Engine, { sql, parameters }: Statement): Promise<Looked> {
  const [row] = await engine.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, parameters);
  const [{ Plan: root }] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as [{ Plan: PlanNode }];
  const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
  const all = nodes(root);
  const scans = all.filter((node) => /(Seq|Index)\b.*Scan/.test(node['Node Type']));
  const removed = all.reduce((sum, node) => sum + (node['Rows Removed by Filter'] ?? 0), 0);
  return {
    range: scans.every((node) => /ROW\(/.test(node['Index Cond'] ?? '')),
    sorted: all.some((node) => node['Node Type'].includes('Sort')),
    read: scans.reduce((sum, node) => sum + node['Actual Rows'], removed),
  };
}

const words = ['', 'A', 'a', 'B', 'b', 'Z', 'ä', 'Ä', 'é', '東京', '🎉', "O'Neill\\", '~'];
const uuids = [
  '00000000-0000-0000-0000-000000000000',
  '6f9619ff-8b86-d011-b42d-00c04fc964ff',
  'ffffffff-ffff-ffff-ffff-ffffffffff00',
];
const bytes = [[], [0], [0, 0], [0, 255], [127], [128, 1], [255]].map((list) => Uint8Array.from(list));
const decimals = ['-10.5', '-1.5', '0', '0.01', '9', '10'];
const moments = [
  '0001-01-01T00:00:00.000000Z',
  '2024-02-29T12:00:00.000001Z',
  '2024-02-29T12:00:00.000002Z',
  '9999-12-31T23:59:59.999999Z',
];
const whole = [-(2n ** 63n), -1n, 0n, 9n, 10n, 2n ** 63n - 1n];

interface Mixed {
  one: unknown;
  two: unknown;
  three: unknown;
}

const kinds = [
  {
    engine: 'MariaDB',
    types: ['VARCHAR(20) COLLATE utf8mb4_bin', 'VARBINARY(20)', 'DECIMAL(20,4)'],
    fields: [field.text(), field.bytes(), field.decimal()],
    values: [words, bytes, decimals],
  },
  {
    engine: 'MariaDB',
    types: ['DATETIME(6)', 'BINARY(16)', 'BIGINT'],
    fields: [field.timestamp(), field.uuid(), field.bigint()],
    values: [moments, uuids, whole],
  },
  {
    engine: 'MariaDB',
    // Of letters that are one to the collation, a unique index holds one.
    types: ['VARCHAR(20) COLLATE utf8mb4_unicode_ci', 'UUID', 'VARCHAR(20) CHARACTER SET latin1'],
    fields: [field.text(), field.uuid(), field.text()],
    values: [['', 'A', 'b', 'Z', 'ä1', '東京'], uuids, ['', '€', 'é1', 'z']],
  },
  {
    engine: 'PostgreSQL',
    types: ['text COLLATE "C"', 'bytea', 'numeric'],
    fields: [field.text(), field.bytes(), field.decimal()],
    values: [words, bytes, decimals],
  },
  {
    engine: 'PostgreSQL',
    types: ['timestamptz', 'uuid', 'bigint'],
    fields: [field.timestamp(), field.uuid(), field.bigint()],
    values: [moments, uuids, whole],
  },
  {
    engine: 'PostgreSQL',
    types: ['text', 'bytea', 'citext'],
    fields: [field.text(), field.uuid(), field.text()],
    values: [words, uuids, ['', 'A', 'b', 'ä']],
  },
] as const;

test.each(kinds)(
  'pages over a key of $engine $types hold every key once',
  async ({ engine, types, ...given }) => {
    const [one, two, three] = given.fields;
    const mixed = entity({
      name: 'mixed',
      schema: z.custom<Mixed>(),
      fields: { one, two, three } as never,
      key: ['one', 'two', 'three'],
      legacy: table('mixed'),
      modern: table('mixed'),
    });
    await using at = await openRole(
      { engine, role: 'legacy' },
      {
        entities: [mixed],
        onlyTables: [
          ...(engine === 'PostgreSQL' ? ['CREATE EXTENSION IF NOT EXISTS citext'] : []),
          `CREATE TABLE mixed (one ${types[0]} NOT NULL, two ${types[1]} NOT NULL, three ${types[2]} NOT NULL, PRIMARY KEY (one, two, three))`,
        ],
      },
    );
    const { store } = at;
    const values = given.values[0].flatMap((first) =>
      given.values[1].flatMap((second) =>
        given.values[2].map((third) => ({ one: first, two: second, three: third })),
      ),
    );
    const written = values.map((value) => writeOf(mixed, value));
    expect((await store.write(mixed, written, fence)).filter(({ status }) => status !== 'applied')).toEqual(
      [],
    );
    const expected = written.map(({ key }) => keyText(key)).sort();

    for (const limit of [1, 7, 64]) {
      const seen: Key[] = [];
      for (let after: Key | null = null, full = true; full; after = seen.at(-1) ?? null) {
        const page: Key[] = await store.keys(mixed, { after, upTo: null, limit });
        seen.push(...page);
        full = page.length === limit;
      }
      expect(seen.map(keyText).sort()).toEqual(expected);
    }

    const bounds = await store.boundaries(mixed, 5);
    const seen: string[] = [];
    const target = await store.pageTarget(mixed);
    for (const [engineRole, lower] of [null, ...bounds].entries()) {
      for (let after: Key | null = lower, full = true; full; ) {
        const read = await store.readPage(mixed, target, {
          after,
          upTo: bounds[engineRole] ?? null,
          limit: 16,
        });
        if (!read) throw new Error('a column map has pages');
        for (let index = 0; index < read.page.keys; index++) seen.push(keyText(read.page.keyAt(index)));
        read.page.release();
        full = read.full;
        after = read.last ?? after;
      }
    }
    expect(seen.sort()).toEqual(expected);
  },
);
