import mysql from 'mysql2/promise';
import pg from 'pg';
import { z } from 'zod';
import { createDifferenceClassifier } from '../activities/comparison/classify-difference.ts';
import { type Key, keyText } from '../model/canonical.ts';
import { entity } from '../model/entity.ts';
import { defineMigration } from '../model/migration.ts';
import { table } from '../model/shape.ts';
import { atMost, exactly, type Report, report } from '../proofs/report.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { writeFirstRoute } from '../test/support/first-route.ts';
import { median, rounded, type Setting } from './bench.ts';
import { preparedStores } from './prepared-stores.ts';

const defaultRows = 1_000_000;
const defaultRuns = 9;
const keys = 1_000;
/** How much larger the second table is. */
const times = 5;
const mostMs = 300;
const mostGrowth = 2;

const itemOf = (name: string) =>
  entity({
    name,
    schema: z.strictObject({ id: z.int(), label: z.string(), amount: z.int() }),
    key: 'id',
    legacy: table(name),
    modern: table(name),
  });
const some = itemOf('some_items');
const many = itemOf('many_items');

/** What a sample of keys costs in each store, and whether a larger table makes it dearer. Ids have gaps, as those of a live table. */
export async function sample({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const count = rows ?? defaultRows;
  await using stage = await stageOn(servers, count, note);
  const { stores } = stage;
  const { compareKeys } = createDifferenceClassifier({ stores });
  const ways = {
    'MySQL/MariaDB': (of: typeof some, turn: number) => stores.legacy.sample(of, keys, turn),
    PostgreSQL: (of: typeof some, turn: number) => stores.modern.sample(of, keys, turn),
  };
  const route = { primary: 'legacy', secondary: 'modern', epoch: 1 } as const;
  const took = new Map<string, number[]>();
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    took.set(name, [...(took.get(name) ?? []), performance.now() - began]);
    return result;
  };
  let short = 0;
  let unequal = 0;
  for (let run = 0; run < (runs ?? defaultRuns); run++) {
    for (const of of run % 2 === 0 ? [some, many] : [many, some]) {
      const sampled = new Map<string, Key>();
      for (const [name, draw] of Object.entries(ways)) {
        const found = await timed(`${name} ${of.name}`, () => draw(of, seed + run));
        if (found.length < keys) short += 1;
        for (const key of found) sampled.set(keyText(key), key);
      }
      const compared = await timed(`compared ${of.name}`, () =>
        compareKeys(of, [...sampled.values()], route),
      );
      unequal += compared.filter(({ verdict }) => verdict !== null).length;
    }
  }
  const ms = (name: string) => median(took.get(name) ?? []);
  return report(
    'sample',
    seed,
    [
      ...Object.keys(ways).flatMap((name) => [
        atMost(`${name}: ms for ${keys} keys`, mostMs, rounded(ms(`${name} ${some.name}`))),
        atMost(
          `${name}: ${times} times as many rows ÷ these`,
          mostGrowth,
          rounded(ms(`${name} ${many.name}`) / ms(`${name} ${some.name}`)),
        ),
      ]),
      exactly('samples with fewer keys', 0, short),
      exactly('keys that differ', 0, unequal),
    ],
    {
      rows: count,
      moreRows: count * times,
      runs: runs ?? defaultRuns,
      ...Object.fromEntries([...took.keys()].map((name) => [`ms ${name}`, rounded(ms(name))])),
    },
  );
}

async function stageOn(servers: Setting['servers'], count: number, note: Setting['note']) {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  for (const [of, rows] of [
    [some, count],
    [many, count * times],
  ] as const) {
    note(`filling both stores with ${rows} rows`);
    await fillMysql(databases.mysqlUrl, of.name, rows);
    await fillPostgresql(databases.postgresqlUrl, of.name, rows);
  }
  const migration = defineMigration({
    name: 'bench-sample',
    entities: [some, many],
    deadline: '2100-01-01T00:00:00Z',
  });
  const stores = await preparedStores(migration, databases, building);
  await writeFirstRoute(stores, migration.name);
  const release = building.move();
  return { stores, [Symbol.asyncDispose]: () => release.disposeAsync() };
}

/** Two of three ids are there. */
const idOf = (n: string, divide: string) => `${n} + ${n} ${divide} 2`;

async function fillMysql(url: string, name: string, count: number): Promise<void> {
  const connection = await mysql.createConnection({ uri: url });
  try {
    await connection.query(
      `CREATE TABLE ${name} (id BIGINT PRIMARY KEY, label VARCHAR(60) NOT NULL, amount INT NOT NULL)`,
    );
    const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS n`).join(' UNION ALL ');
    const places = Array.from({ length: String(count - 1).length }, (_, place) => `d${place}`);
    await connection.query(
      `INSERT INTO ${name} SELECT ${idOf('n', 'DIV')}, CONCAT('the item of number ', n), n MOD 1000 FROM
         (SELECT ${places.map((place, power) => `${place}.n * ${10 ** power}`).join(' + ')} AS n
          FROM ${places
            .toReversed()
            .map((place) => `(${digits}) ${place}`)
            .join(' CROSS JOIN ')}) s
       WHERE n < ${count}`,
    );
    await connection.query(`ANALYZE TABLE ${name}`);
  } finally {
    await connection.end();
  }
}

async function fillPostgresql(url: string, name: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `CREATE TABLE ${name} (id bigint PRIMARY KEY, label varchar(60) NOT NULL, amount integer NOT NULL)`,
    );
    await client.query(
      `INSERT INTO ${name} SELECT ${idOf('n', '/')}, 'the item of number ' || n, n % 1000 FROM generate_series(0, ${count - 1}) n`,
    );
    await client.query(`VACUUM ANALYZE ${name}`);
  } finally {
    await client.end();
  }
}
