import mysql from 'mysql2/promise';
import pg from 'pg';
import { z } from 'zod';
import type { PageTarget } from '../databases/contract/backfill.ts';
import type { Store } from '../databases/contract/store.ts';
import { openStores } from '../databases/open.ts';
import type { Key } from '../model/canonical.ts';
import { entity } from '../model/entity.ts';
import type { StoreName } from '../model/failure.ts';
import { field } from '../model/field.ts';
import { defineMigration } from '../model/migration.ts';
import { table } from '../model/shape.ts';
import { atMost, type Figures, type Report, report } from '../proofs/report.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { rounded, type Setting } from './bench.ts';

const defaultRows = 1_000_000;
const defaultRuns = 15;
const pagesPerRun = 10;
const keysPerPage = 500;
/** Few, so that the first part of the key alone says little of where a page begins. */
const tenants = 10;
const shares = [0.01, 0.5, 0.99] as const;
const mostApart = 1.5;

interface Event {
  tenant: number;
  number: bigint;
  note: string;
}

const event = entity({
  name: 'event',
  schema: z.custom<Event>(),
  fields: { tenant: field.integer(), number: field.bigint(), note: field.text() },
  key: ['tenant', 'number'],
  legacy: table('events'),
  modern: table('events'),
});

const engines: Readonly<Record<StoreName, string>> = { legacy: 'MySQL/MariaDB', modern: 'PostgreSQL' };

/** What a page of a key of two parts costs near the beginning, in the middle and near the end of a table. */
export async function keyset({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const count = Math.max(rows ?? defaultRows, tenants * keysPerPage * pagesPerRun * 2);
  await using stage = await stageOn(servers, count, note);
  const ways = (['legacy', 'modern'] as const).flatMap((name) => [
    { name: `${engines[name]}: a page of rows`, page: stage.rowsOf(name) },
    { name: `${engines[name]}: a page of keys`, page: stage.keysOf(name) },
  ]);
  const taken = new Map(ways.map(({ name }) => [name, shares.map((): number[] => [])]));
  for (let run = 0; run < (runs ?? defaultRuns); run++) {
    for (const { name, page } of ways) {
      // Who begins changes from run to run.
      for (let turn = 0; turn < shares.length; turn++) {
        const at = (turn + run) % shares.length;
        taken.get(name)?.[at]?.push(await pagesFrom(keyAt(count, shares[at] ?? 0), page));
      }
    }
  }
  const best = [...taken].map(([name, lists]) => ({ name, ms: lists.map((list) => Math.min(...list)) }));
  return report(
    'keyset',
    seed,
    best.map(({ name, ms }) =>
      atMost(`${name}, dearest ÷ cheapest place`, mostApart, rounded(Math.max(...ms) / Math.min(...ms))),
    ),
    {
      rows: count,
      runs: runs ?? defaultRuns,
      keysPerPage,
      msPerPage: Object.fromEntries(best.map(({ name, ms }) => [name, figuresOf(ms)])),
    },
  );
}

type Page = (after: Key) => Promise<Key | null>;

/** The best of some pages that follow each other, in milliseconds: the others were held up by something else. */
async function pagesFrom(after: Key, page: Page): Promise<number> {
  const took: number[] = [];
  for (let at: Key | null = after; at && took.length < pagesPerRun; ) {
    const began = performance.now();
    at = await page(at);
    took.push(performance.now() - began);
  }
  return Math.min(...took);
}

/** Leaves room for the pages that follow. */
function keyAt(count: number, share: number): Key {
  const place = Math.min(Math.floor(count * share), count - keysPerPage * (pagesPerRun + 1));
  return [String(Math.floor(place / (count / tenants))), String(place)];
}

async function stageOn(servers: Setting['servers'], count: number, note: Setting['note']) {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  note(`filling both stores with ${count} rows`);
  await fillMysql(databases.mysqlUrl, count);
  await fillPostgresql(databases.postgresqlUrl, count);
  const migration = defineMigration({
    name: 'bench-keyset',
    entities: [event],
    deadline: '2100-01-01T00:00:00Z',
  });
  const stores = openStores(migration, {
    LOCKSTEP_LEGACY_URL: databases.mysqlUrl,
    LOCKSTEP_MODERN_URL: databases.postgresqlUrl,
  });
  building.defer(async () => {
    await stores.legacy.close();
    await stores.modern.close();
  });
  const targets: Readonly<Record<StoreName, PageTarget>> = {
    legacy: await stores.modern.pageTarget(event),
    modern: await stores.legacy.pageTarget(event),
  };
  const release = building.move();
  return {
    rowsOf: (name: StoreName) => pageOfRows(stores[name], targets[name]),
    keysOf: (name: StoreName) => pageOfKeys(stores[name]),
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

function pageOfRows(store: Store, target: PageTarget): Page {
  return async (after) => {
    const read = await store.readPage(event, target, { after, upTo: null, limit: keysPerPage });
    if (!read) throw new Error('a column map has pages of rows');
    read.page.release();
    return read.last;
  };
}

function pageOfKeys(store: Store): Page {
  return async (after) => (await store.keys(event, { after, upTo: null, limit: keysPerPage })).at(-1) ?? null;
}

async function fillMysql(url: string, count: number): Promise<void> {
  const connection = await mysql.createConnection({ uri: url });
  try {
    await connection.query(
      'CREATE TABLE events (tenant INT NOT NULL, number BIGINT NOT NULL, note VARCHAR(40) NOT NULL, PRIMARY KEY (tenant, number))',
    );
    const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS n`).join(' UNION ALL ');
    const places = Array.from({ length: String(count - 1).length }, (_, place) => `d${place}`);
    await connection.query(
      `INSERT INTO events SELECT n DIV ${count / tenants}, n, CONCAT('event ', n) FROM
         (SELECT ${places.map((place, power) => `${place}.n * ${10 ** power}`).join(' + ')} AS n
          FROM ${places.map((place) => `(${digits}) ${place}`).join(' CROSS JOIN ')}) s
       WHERE n < ${count} ORDER BY n`,
    );
    await connection.query('ANALYZE TABLE events');
  } finally {
    await connection.end();
  }
}

async function fillPostgresql(url: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      'CREATE TABLE events (tenant integer NOT NULL, number bigint NOT NULL, note text NOT NULL, PRIMARY KEY (tenant, number))',
    );
    await client.query(
      `INSERT INTO events SELECT n / ${count / tenants}, n, 'event ' || n FROM generate_series(0, ${count - 1}) n`,
    );
    await client.query('VACUUM ANALYZE events');
  } finally {
    await client.end();
  }
}

function figuresOf(ms: readonly number[]): Figures {
  return Object.fromEntries(
    shares.map((share, at) => [`at ${share * 100} %`, rounded(ms[at] ?? Number.NaN)]),
  );
}
