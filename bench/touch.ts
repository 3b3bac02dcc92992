import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { CallerTransaction } from '../client/service/caller-transaction.ts';
import { connect } from '../client/service/connect.ts';
import { openStores } from '../databases/open.ts';
import { defineMigration } from '../model/migration.ts';
import { atMost, type Figures, type Report, report } from '../proofs/report.ts';
import { account, createAccounts } from '../test/support/accounts.ts';
import { connecting, createDatabasesOn, inRoles } from '../test/support/databases.ts';
import { writeFirstRoute } from '../test/support/first-route.ts';
import { median, quantile, rounded, type Setting } from './bench.ts';

const defaultTransactions = 400;
const defaultRuns = 15;
const keys = 1_000;
const engines = ['mysql', 'postgresql'] as const;

/** A service's own connection: begin, one prepared update, commit. */
interface Service extends AsyncDisposable {
  readonly tx: CallerTransaction;
  plain(sql: string): Promise<unknown>;
  update(id: number): Promise<unknown>;
}

/**
 * What a touch of one key costs a transaction of a service's own (begin, one update, commit), in each engine as primary. Both ways
 * run in turn in the same minutes, on one connection.
 */
export async function touch({ servers, seed, rows, runs = defaultRuns, note }: Setting): Promise<Report> {
  const transactions = rows ?? defaultTransactions;
  note(`${runs} runs of ${transactions} transactions each way, by one caller, in each engine`);
  const figures: Record<string, Figures> = {};
  const bars = [];
  for (const engine of engines) {
    await using place = await placeOn(servers, engine);
    const measured = await inTurn(place, runs, transactions, seed);
    const ratio = rounded(measured.touched.p50Ms / measured.without.p50Ms);
    bars.push(atMost(`${engine}: p50 with touch ÷ without`, 1.6, ratio));
    figures[engine] = { ...measured, ratio };
  }
  return report('touch', seed, bars, { transactions, runs, ...figures });
}

type Way = 'without' | 'touched';

async function inTurn(
  place: Awaited<ReturnType<typeof placeOn>>,
  runs: number,
  transactions: number,
  seed: number,
): Promise<Record<Way, { p50Ms: number; p99Ms: number }>> {
  const taken: Record<Way, number[][]> = { without: [], touched: [] };
  const order: readonly Way[] = ['without', 'touched'];
  for (const way of order) await place.timed(way, transactions, seed);
  for (let run = 0; run < runs; run++) {
    for (const way of run % 2 === 0 ? order : order.toReversed())
      taken[way].push(await place.timed(way, transactions, seed + run));
  }
  const of = (all: readonly number[][]) => ({
    p50Ms: rounded(median(all.map(median))),
    p99Ms: rounded(median(all.map((latencies) => quantile(latencies, 0.99)))),
  });
  return { without: of(taken.without), touched: of(taken.touched) };
}

async function placeOn(servers: Setting['servers'], engine: (typeof engines)[number]) {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const urls = inRoles(databases, engine);
  const legacy = building.use(await serviceOn(urls.legacy));
  const modern = building.use(await serviceOn(urls.modern));
  await legacy.plain(createAccounts('accounts', 'legacy'));
  await modern.plain(createAccounts('accounts', 'modern'));
  for (let from = 1; from <= keys; from += 1_000) {
    const values = Array.from({ length: 1_000 }, (_, n) => `(${from + n}, 'owner', NULL, 1.00)`);
    await legacy.plain(`INSERT INTO accounts (id, owner, email, balance) VALUES ${values.join(', ')}`);
  }
  const migration = defineMigration({
    name: `bench-touch-${randomBytes(4).toString('hex')}`,
    entities: [account],
    deadline: '2100-01-01T00:00:00Z',
  });
  const environment = connecting(urls, servers);
  const stores = openStores(migration, environment);
  for (const store of [stores.legacy, stores.modern]) await store.prepare();
  await writeFirstRoute(stores, migration.name);
  for (const store of [stores.legacy, stores.modern]) await store.close();
  const lockstep = building.use(await connect(migration, { environment }));
  const once = async (way: Way, id: number) => {
    await legacy.plain('BEGIN');
    await legacy.update(id);
    if (way === 'touched') await lockstep.touch(legacy.tx, account, id);
    await legacy.plain('COMMIT');
  };
  const release = building.move();
  return {
    async timed(way: Way, transactions: number, seed: number): Promise<number[]> {
      const latencies: number[] = [];
      for (let at = 0; at < transactions; at++) {
        const id = (((seed % keys) + at * 7919) % keys) + 1;
        const began = performance.now();
        await once(way, id);
        latencies.push(performance.now() - began);
      }
      return latencies;
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

async function serviceOn(url: string): Promise<Service> {
  if (url.startsWith('postgres')) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const text = 'UPDATE accounts SET balance = balance + 1 WHERE id = $1';
    return {
      tx: client,
      plain: (sql) => client.query(sql),
      update: (id) => client.query({ name: 'update', text, values: [id] }),
      [Symbol.asyncDispose]: () => client.end(),
    };
  }
  const connection = await mysql.createConnection({ uri: url });
  return {
    tx: connection,
    plain: (sql) => connection.query(sql),
    update: (id) => connection.execute('UPDATE accounts SET balance = balance + 1 WHERE id = ?', [id]),
    [Symbol.asyncDispose]: () => connection.end(),
  };
}
