import mysql from 'mysql2/promise';
import pg from 'pg';
import type { WriteItem } from '../databases/contract/write.ts';
import type { StoreName } from '../model/failure.ts';
import { imageOf } from '../model/field.ts';
import { defineMigration } from '../model/migration.ts';
import { type Account, account, createAccounts } from '../test/support/accounts.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { writeFirstRoute } from '../test/support/first-route.ts';
import { wholeWrite } from '../test/support/whole-write.ts';
import type { Setting } from './bench.ts';
import { preparedStores } from './prepared-stores.ts';

const upserts = {
  legacy:
    'INSERT INTO bare (id, owner, email, balance) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE owner = VALUES(owner), email = VALUES(email), balance = VALUES(balance)',
  modern:
    'INSERT INTO bare (id, owner, email, balance) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, email = excluded.email, balance = excluded.balance',
};

/** Two prepared stores with the route of `dual-write`, and beside them a table for bare upserts by the drivers alone. */
export async function openAccountStores(servers: Setting['servers'], connections: number) {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const legacy = mysql.createPool({ uri: databases.mysqlUrl, connectionLimit: connections });
  building.defer(() => legacy.end());
  const modern = new pg.Pool({ connectionString: databases.postgresqlUrl, max: connections });
  building.defer(() => modern.end());
  for (const table of ['accounts', 'bare']) {
    await legacy.query(createAccounts(table, 'legacy'));
    await modern.query(createAccounts(table, 'modern'));
  }
  const migration = defineMigration({
    name: 'bench-accounts',
    entities: [account],
    deadline: '2100-01-01T00:00:00Z',
    legacy: { poolSize: connections },
    modern: { poolSize: connections },
  });
  const stores = await preparedStores(migration, databases, building);
  await writeFirstRoute(stores, migration.name);
  const upsert = async (store: StoreName, { id, owner, email, balance }: Account) => {
    const values = [id, owner, email, balance];
    if (store === 'legacy') await legacy.query(upserts.legacy, values);
    else await modern.query({ name: 'upsert', text: upserts.modern, values });
  };
  const release = building.move();
  return {
    migration,
    stores,
    fence: { migration: migration.name, epoch: 1 },
    upsert,
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

export function accountOf(id: number, seed: number, written: number): Account {
  return { id, owner: `owner ${seed} ${written}`, email: null, balance: '12.50' };
}

/** A write of the whole account that the primary decides, and the other store still owes. */
export function decidedWrite(value: Account, operationId: string, version: string): WriteItem {
  const image = imageOf(account.fields, value, account.name);
  return wholeWrite(account, image, { operationId, version, status: 'pending' });
}
