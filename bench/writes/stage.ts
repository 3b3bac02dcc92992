import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { Servers } from '../../deploy/dev/servers.ts';
import { createProofEnvironment, type StoreUrls } from '../../proofs/account/environment.ts';
import type { WriteWay } from '../../proofs/account/way.ts';
import { createDatabasesOn } from '../../test/support/databases.ts';
import { keysOf } from './accounts.ts';
import { openUpserts } from './upserts.ts';
import type { Place } from './way.ts';

/** A migration in `dual-write` on databases of its own, and in them the tables of all other ways. */
export interface Stage extends AsyncDisposable {
  /** Null where no worker runs but those of the ways. */
  readonly workerPid: number | null;
  readonly temporal: Client;
  place(way: string): Place;
}

export interface StageOptions {
  /**
   * How Lockstep's writes travel; its worker goes on in a process of its own once the phase is reached, unless it is embedded. Undefined
   * where they are none.
   */
  readonly lockstep: WriteWay | undefined;
  /** What ways and worker shall know the stores by. Default: the databases themselves. */
  readonly through?: (direct: StoreUrls) => Promise<StoreUrls>;
}

export async function openStage(
  servers: Servers,
  seed: number,
  { lockstep, through }: StageOptions,
): Promise<Stage> {
  const worker = lockstep !== undefined && lockstep !== 'embedded';
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const direct = { legacy: databases.mysqlUrl, modern: databases.postgresqlUrl };
  const stores = through ? await through(direct) : direct;
  const environment = building.use(
    await createProofEnvironment({
      servers,
      databases,
      pattern: 'primary-secondary',
      phase: 'dual-write',
      way: lockstep === 'journal' ? 'journal' : 'group',
      through: stores,
    }),
  );
  await fill(direct, keysOf(seed));
  if (!worker) await environment.worker.stop();
  const release = building.move();
  return {
    temporal: environment.temporal,
    workerPid: worker ? environment.worker.pid : null,
    place(way) {
      const folder = join(environment.folder, way);
      mkdirSync(folder);
      return {
        migration: environment.migration.name,
        environment: environment.environment,
        stores,
        direct,
        folder,
      };
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

/** Without the witness of proofs, which would double what Lockstep's writes cost; and with all keys there, so that every write is an update. */
export async function fill(stores: StoreUrls, keys: readonly string[]): Promise<void> {
  await using upserts = openUpserts(stores);
  await upserts.createTables();
  const legacy = await createConnection({ uri: stores.legacy });
  const modern = new pg.Client({ connectionString: stores.modern });
  try {
    await modern.connect();
    for (const event of ['inserted', 'updated', 'deleted']) await legacy.query(`DROP TRIGGER acct_${event}`);
    await modern.query('DROP TRIGGER seen ON accounts');
    const at = '2026-01-31 12:00:00';
    for (const table of ['acct', 'bare']) {
      const rows = keys.map((key) => [key, 'owner', '1.00', null, '2026-01-31', at, 0]);
      await legacy.query(`INSERT INTO ${table} (id, owner_nm, bal, note, opened, last_seen, mark) VALUES ?`, [
        rows,
      ]);
    }
    for (const table of ['accounts', 'bare']) {
      await modern.query(
        `INSERT INTO ${table} (id, owner, balance, note, opened_on, seen_at, mark)
        SELECT id, 'owner', 1.00, NULL, '2026-01-31', $2, 0 FROM unnest($1::uuid[]) AS id`,
        [keys, `${at}Z`],
      );
    }
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
}
