import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { z } from 'zod';
import { connect } from '../client/service/connect.ts';
import { openStores } from '../databases/open.ts';
import { entity } from '../model/entity.ts';
import { field } from '../model/field.ts';
import { defineMigration } from '../model/migration.ts';
import { rows as rowsShape } from '../model/shape.ts';
import { atLeast, atMost, type Figures, type Report, report } from '../proofs/report.ts';
import { type Account, account, createAccounts } from '../test/support/accounts.ts';
import { connecting, createDatabasesOn, inRoles } from '../test/support/databases.ts';
import { writeFirstRoute } from '../test/support/first-route.ts';
import { accountOf, decidedWrite } from './account-stores.ts';
import { median, rounded, type Setting } from './bench.ts';
import { onOwnCores } from './own-cores.ts';

const engines = ['mysql', 'postgresql'] as const;
const defaultReads = 200;
const defaultRuns = 15;
const keys = 1_000;
const callers = 32;
const listed = 100;
const connections = 10;
/** Beside other work on the machine no read may give up. */
const readTimeoutMs = 60_000;

interface ShapedRow {
  id: number;
  owner: string;
  email: string | null;
  balance: string;
}

/** The same account by functions, over a table of its own. */
const shape = () =>
  rowsShape({
    tables: { shaped: { key: ['id'] } },
    toRows: (value: Account): { shaped: ShapedRow[] } => ({ shaped: [value] }),
    fromRows: ({ shaped: [row] }): Account => {
      if (!row) throw new TypeError('a shape is asked for rows that are there');
      return row;
    },
  });

const shaped = entity({
  name: 'shaped',
  schema: z.strictObject({
    id: z.int().positive(),
    owner: z.string(),
    email: z.string().nullable(),
    balance: z.string(),
  }),
  key: 'id',
  fields: { balance: field.decimal({ scale: 2 }) },
  legacy: shape(),
  modern: shape(),
});

/** What is timed: reads of keys, one or a list. */
type Read = (id: number) => Promise<unknown>;

/**
 * What `get` costs against the same prepared `SELECT` by the driver alone, with a pool of the same size, in each engine as primary. All
 * ways run in turn in each round, and are compared within it.
 */
export async function reads({ servers, seed, rows, runs = defaultRuns, note }: Setting): Promise<Report> {
  const count = rows ?? defaultReads;
  note(
    `${runs} rounds of ${count} reads each way by one caller, and ${count * 10} by ${callers}, in each engine`,
  );
  const figures: Record<string, Figures> = {};
  const bars = [];
  for (const engine of engines) {
    await using place = await placeOn(servers, engine, seed);
    const alone = await p50sAlone(place, { runs, count, seed }, () =>
      note(`${engine}: client and server may share a core, and one way be twice as near as another`),
    );
    const together = await inTurn(place.single, runs, (read) => perSecondOf(read, count * 10, seed));
    const p50 = ratiosTo(alone, 'byHand');
    const rate = ratiosTo(together, 'byHand');
    bars.push(atMost(`${engine}: p50 of get ÷ by hand`, 1.5, p50.get ?? Number.NaN));
    bars.push(atLeast(`${engine}: get/s ÷ by hand, ${callers} callers`, 0.7, rate.get ?? Number.NaN));
    figures[engine] = {
      p50Us: medians(alone, 1_000),
      p50Ratio: { ...p50, getMany: ratiosTo(alone, 'listByHand').getMany ?? Number.NaN },
      perSecond: medians(together, 1),
      perSecondRatio: rate,
    };
  }
  return report('reads', seed, bars, { reads: count, runs, callers, listed, connections, ...figures });
}

/** What each way took in each round. */
type Taken = Record<string, number[]>;

async function inTurn(
  ways: Readonly<Record<string, Read>>,
  runs: number,
  measure: (read: Read) => Promise<number>,
): Promise<Taken> {
  const taken: Taken = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  const order = Object.entries(ways);
  for (const [, read] of order) await measure(read);
  for (let run = 0; run < runs; run++) {
    for (const [way, read] of run % 2 === 0 ? order : order.toReversed())
      taken[way]?.push(await measure(read));
  }
  return taken;
}

/** With a core each for client and server; says where they have none. */
async function p50sAlone(
  { ways, processes }: Awaited<ReturnType<typeof placeOn>>,
  { runs, count, seed }: { runs: number; count: number; seed: number },
  warn: () => void,
): Promise<Taken> {
  await using cores = await onOwnCores(await processes());
  if (cores === null) warn();
  return await inTurn(ways, runs, (read) => p50Of(read, count, seed));
}

async function p50Of(read: Read, count: number, seed: number): Promise<number> {
  const latencies: number[] = [];
  for (let at = 0; at < count; at++) {
    const began = performance.now();
    await read(idAt(at, seed));
    latencies.push(performance.now() - began);
  }
  return median(latencies);
}

async function perSecondOf(read: Read, count: number, seed: number): Promise<number> {
  let at = 0;
  const began = performance.now();
  const caller = async () => {
    while (at < count) await read(idAt(at++, seed));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (count * 1_000) / (performance.now() - began);
}

function idAt(at: number, seed: number): number {
  return (((seed % keys) + at * 7919) % keys) + 1;
}

/** The median of the ratios within each round. */
function ratiosTo(taken: Taken, base: string): Record<string, number> {
  const based = taken[base] ?? [];
  return Object.fromEntries(
    Object.entries(taken).map(([way, values]) => [
      way,
      rounded(median(values.map((value, round) => value / (based[round] ?? Number.NaN)))),
    ]),
  );
}

function medians(taken: Taken, times: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(taken).map(([way, values]) => [way, rounded(median(values) * times)]),
  );
}

async function placeOn(servers: Setting['servers'], engine: (typeof engines)[number], seed: number) {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const urls = inRoles(databases, engine);
  const hand = building.use(driverOn(urls.legacy));
  const modern = building.use(driverOn(urls.modern));
  for (const table of ['accounts', 'shaped']) {
    await hand.plain(createAccounts(table, 'legacy'));
    await modern.plain(createAccounts(table, 'modern'));
  }
  const migration = defineMigration({
    name: `bench-reads-${randomBytes(4).toString('hex')}`,
    entities: [account, shaped],
    deadline: '2100-01-01T00:00:00Z',
    legacy: { poolSize: connections },
  });
  const environment = connecting(urls, servers);
  const stores = openStores(migration, environment);
  for (const store of [stores.legacy, stores.modern]) await store.prepare();
  await writeFirstRoute(stores, migration.name);
  await fill(stores.legacy, migration.name, seed);
  await hand.plain('INSERT INTO shaped SELECT * FROM accounts');
  for (const store of [stores.legacy, stores.modern]) await store.close();
  const lockstep = building.use(await connect(migration, { environment, readTimeoutMs }));
  const accounts = lockstep.repository(account);
  const shapes = lockstep.repository(shaped);
  const read = await accounts.get(1, { withToken: true });
  if (!read) throw new TypeError('the accounts are there');
  const { token } = read;
  const list = (id: number) => Array.from({ length: listed }, (_, at) => ((id + at * 31) % keys) + 1);
  const single: Record<string, Read> = {
    byHand: (id) => hand.one(id),
    get: (id) => accounts.get(id),
    getWithToken: (id) => accounts.get(id, { withToken: true }),
    getAtLeast: (id) => accounts.get(id, { atLeast: token }),
    getByFunctions: (id) => shapes.get(id),
  };
  const ways: Record<string, Read> = {
    ...single,
    listByHand: (id) => hand.list(list(id)),
    getMany: (id) => accounts.getMany(list(id)),
  };
  const release = building.move();
  return { single, ways, processes: hand.processes, [Symbol.asyncDispose]: () => release.disposeAsync() };
}

/** Accounts that were written through Lockstep, so that each has its record. */
async function fill(
  store: ReturnType<typeof openStores>['legacy'],
  migration: string,
  seed: number,
): Promise<void> {
  for (let from = 1; from <= keys; from += listed) {
    const items = Array.from({ length: listed }, (_, at) =>
      decidedWrite(accountOf(from + at, seed, 0), `fill-${from + at}`, String(1_000_000)),
    );
    const outcomes = await store.write(account, items, { migration, epoch: 1 });
    const refused = outcomes.find(({ status }) => status !== 'applied');
    if (refused) throw new TypeError(`an account was not written: ${refused.status}`);
  }
}

interface Driver extends AsyncDisposable {
  plain(sql: string): Promise<unknown>;
  /** Those of the server that answer this database's connections, as far as they are on this machine. */
  processes(): Promise<readonly number[]>;
  one(id: number): Promise<Account | null>;
  list(ids: readonly number[]): Promise<readonly Account[]>;
}

const columns = 'id, owner, email, balance';

function driverOn(url: string): Driver {
  if (url.startsWith('postgres')) {
    const pool = new pg.Pool({ connectionString: url, max: connections });
    const one = `SELECT ${columns} FROM accounts WHERE id = $1`;
    const many = `SELECT ${columns} FROM accounts WHERE id = ANY($1)`;
    return {
      plain: (sql) => pool.query(sql),
      processes: async () => {
        const { rows } = await pool.query<{ pid: number }>(
          'SELECT pid FROM pg_stat_activity WHERE datname = current_database()',
        );
        return rows.map(({ pid }) => pid).filter(isHere);
      },
      one: async (id) =>
        accountIn((await pool.query<Account>({ name: 'one', text: one, values: [id] })).rows[0]),
      list: async (ids) => (await pool.query<Account>({ name: 'many', text: many, values: [ids] })).rows,
      [Symbol.asyncDispose]: () => pool.end(),
    };
  }
  const pool = mysql.createPool({ uri: url, connectionLimit: connections });
  const one = `SELECT ${columns} FROM accounts WHERE id = ?`;
  const many = `SELECT ${columns} FROM accounts WHERE id IN (${Array.from({ length: listed }, () => '?').join(', ')})`;
  type Rows = (Account & mysql.RowDataPacket)[];
  return {
    plain: (sql) => pool.query(sql),
    processes: async () => {
      const [[row]] = await pool.query<mysql.RowDataPacket[]>('SELECT @@pid_file AS file');
      const text = await readFile(String(row?.file), 'utf8').catch(() => '');
      return [Number.parseInt(text, 10)].filter(isHere);
    },
    one: async (id) => accountIn((await pool.execute<Rows>(one, [id]))[0][0]),
    list: async (ids) => (await pool.execute<Rows>(many, [...ids]))[0],
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** Whether this program may do something with it, which it may not where it is on another machine, or another account's. */
function isHere(id: number): boolean {
  try {
    return Number.isInteger(id) && process.kill(id, 0);
  } catch {
    return false;
  }
}

function accountIn(row: Account | undefined): Account | null {
  return row ? { id: row.id, owner: row.owner, email: row.email, balance: row.balance } : null;
}
