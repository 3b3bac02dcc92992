import mysql from 'mysql2/promise';
import pg from 'pg';
import type { Store } from '../databases/contract/store.ts';
import type { WriteItem } from '../databases/contract/write.ts';
import { type Entity, keyOf } from '../model/entity.ts';
import type { StoreName } from '../model/failure.ts';
import { imageOf } from '../model/field.ts';
import { defineMigration } from '../model/migration.ts';
import { otherStore, type Phase } from '../model/phase.ts';
import { type Figures, type Report, report } from '../proofs/report.ts';
import { account, createAccounts, twin } from '../test/support/accounts.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { median, rounded, type Setting } from './bench.ts';
import { preparedStores } from './prepared-stores.ts';

const defaultWrites = 200;
const defaultRuns = 15;
const keys = 20_000;
const migrationName = 'bench-checks';

type Way = (id: number) => Promise<void>;
type Ways = Readonly<Record<string, Way>>;

/**
 * What parts of a write cost a store: the comparison of fingerprints, against the same routine without it; and taking a row
 * tentatively, against taking it as decided, and against both, as a `parallel` write does. One caller; ways run in turn.
 */
export async function writeChecks({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const writes = rows ?? defaultWrites;
  const rounds = runs ?? defaultRuns;
  await using ways = await waysOn(servers);
  const figures: Record<string, Figures> = {};
  for (const store of ['legacy', 'modern'] as const) {
    note(`${rounds} runs of ${writes} writes each way in ${store}`);
    const engine = store === 'legacy' ? 'mysql' : 'postgresql';
    await ways.enter(store);
    figures[`${engine} decides`] = await inTurn(ways.deciding(store), rounds, writes);
    figures[`${engine} follows`] = await inTurn(ways.following(otherStore(store)), rounds, writes);
  }
  return report('write-checks', seed, [], { writes, runs: rounds, p50Ms: figures });
}

/** The median of each run's median, in milliseconds. */
async function inTurn(ways: Ways, runs: number, writes: number): Promise<Figures> {
  const names = Object.keys(ways);
  const taken = new Map(names.map((name) => [name, [] as number[]]));
  for (let run = -1; run < runs; run++) {
    for (const name of run % 2 === 0 ? names : names.toReversed()) {
      const way = ways[name];
      // The first round only warms up.
      if (way) (run < 0 ? [] : (taken.get(name) ?? [])).push(await medianOf(way, writes));
    }
  }
  return Object.fromEntries([...taken].map(([name, medians]) => [name, rounded(median(medians))]));
}

let nextId = 0;

async function medianOf(way: Way, writes: number): Promise<number> {
  const latencies: number[] = [];
  for (let written = 0; written < writes; written++) {
    nextId = (nextId + 7919) % keys;
    const began = performance.now();
    await way(nextId + 1);
    latencies.push(performance.now() - began);
  }
  return median(latencies);
}

async function waysOn(servers: Setting['servers']) {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const legacy = await mysql.createConnection(databases.mysqlUrl);
  building.defer(() => legacy.end());
  const modern = new pg.Client(databases.postgresqlUrl);
  await modern.connect();
  building.defer(() => modern.end());
  for (const table of ['accounts', 'twins']) {
    await legacy.query(createAccounts(table, 'legacy'));
    await modern.query(createAccounts(table, 'modern'));
  }
  const migration = defineMigration({
    name: migrationName,
    entities: [account, twin],
    deadline: '2100-01-01T00:00:00Z',
  });
  const stores = await preparedStores(migration, databases, building);
  await takeOutCheck(legacy, modern);
  let epoch = 0;
  let written = 0;

  const write = async (
    store: Store,
    entity: Entity,
    id: number,
    given: Pick<WriteItem, 'mode' | 'status'>,
  ) => {
    written += 1;
    const value = { id, owner: `owner ${written}`, email: null, balance: '12.50' };
    const image = imageOf(entity.fields, value, entity.name);
    const item: WriteItem = {
      ...given,
      kind: 'replace',
      key: keyOf(entity, image),
      image,
      version: String(written),
      operationId: given.mode === 'secondary' ? null : `bench-${written}`,
      sharedVersions: [],
    };
    const [outcome] = await store.write(entity, [item], { migration: migrationName, epoch });
    if (outcome?.status !== 'applied') throw new Error(`a write was not applied but ${outcome?.status}`);
  };
  const primary = { mode: 'primary', status: 'pending' } as const;
  const secondary = { mode: 'secondary', status: 'completed' } as const;
  const tentative = { mode: 'tentative', status: 'tentative' } as const;
  const release = building.move();
  return {
    async enter(decides: StoreName) {
      const phase: Phase = decides === 'legacy' ? 'switch-reads' : 'switch-primary';
      epoch += 1;
      const route = { phase, epoch, changeNumber: epoch, open: true, readPercent: 100, writePercent: 100 };
      for (const store of [stores.legacy, stores.modern])
        await store.writeState({ migration: migrationName, ...route });
    },
    deciding: (store: StoreName): Ways => ({
      withCheck: (id) => write(stores[store], account, id, primary),
      withoutCheck: (id) => write(stores[store], twin, id, primary),
    }),
    following: (store: StoreName): Ways => ({
      decided: (id) => write(stores[store], account, id, secondary),
      tentative: (id) => write(stores[store], account, id, tentative),
      tentativeThenDecided: async (id) => {
        await write(stores[store], account, id, tentative);
        await write(stores[store], account, id, secondary);
      },
    }),
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

/** Makes the write routine of `twin` anew, without the comparison of fingerprints. */
async function takeOutCheck(legacy: mysql.Connection, modern: pg.Client): Promise<void> {
  const check = /IF (?:NOT \(p_fingerprint|p_fingerprint IS DISTINCT)[\s\S]*?END IF;/;
  const without = (text: string) => {
    if (!check.test(text)) throw new Error('the routine has no comparison of fingerprints');
    return text.replace(check, '');
  };
  const [[routine]] = await legacy.query<mysql.RowDataPacket[]>(
    `SELECT routine_name AS name FROM information_schema.routines
     WHERE routine_schema = DATABASE() AND routine_name LIKE '%write%twin%' AND routine_definition LIKE '%p_fingerprint <=>%'`,
  );
  const name = mysql.escapeId(String(routine?.name));
  const [[shown]] = await legacy.query<mysql.RowDataPacket[]>(`SHOW CREATE PROCEDURE ${name}`);
  await legacy.query(`DROP PROCEDURE ${name}`);
  await legacy.query(without(String(shown?.['Create Procedure'])));
  const { rows } = await modern.query<{ text: string }>(
    `SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname LIKE 'write%twin%' AND prosrc LIKE '%p_fingerprint IS DISTINCT%'`,
  );
  await modern.query(without(rows[0]?.text ?? ''));
}
