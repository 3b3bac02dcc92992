import mysql from 'mysql2/promise';
import pg from 'pg';
import type { Account } from '../../proofs/account/account.ts';
import type { StoreUrls } from '../../proofs/account/environment.ts';

const connections = 32;

const atLegacy = `INSERT INTO bare (id, owner_nm, bal, note, opened, last_seen, mark) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE owner_nm = VALUES(owner_nm), bal = VALUES(bal), note = VALUES(note), opened = VALUES(opened),
    last_seen = VALUES(last_seen), mark = VALUES(mark)`;
const atModern = {
  name: 'upsert',
  text: `INSERT INTO bare (id, owner, balance, note, opened_on, seen_at, mark) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, balance = excluded.balance, note = excluded.note,
      opened_on = excluded.opened_on, seen_at = excluded.seen_at, mark = excluded.mark`,
};

/** The statements of everybody but Lockstep: one prepared upsert a store, on a pool as large as Lockstep's. */
export interface Upserts extends AsyncDisposable {
  /** Beside those of accounts, with the same columns. */
  createTables(): Promise<void>;
  legacy(account: Account): Promise<void>;
  modern(account: Account): Promise<void>;
  /** In a transaction that the caller has begun. */
  modernIn(client: pg.ClientBase, account: Account): Promise<void>;
  readonly modernPool: pg.Pool;
}

export function openUpserts(stores: StoreUrls): Upserts {
  const legacy = mysql.createPool({ uri: stores.legacy, connectionLimit: connections, timezone: 'Z' });
  const modern = new pg.Pool({ connectionString: stores.modern, max: connections });
  const modernOn = async (on: pg.Pool | pg.ClientBase, account: Account) => {
    const { id, owner, balance, note, openedOn, seenAt, mark } = account;
    await on.query({ ...atModern, values: [id, owner, balance, note, openedOn, seenAt, mark] });
  };
  return {
    async createTables() {
      await legacy.query('CREATE TABLE bare LIKE acct');
      await modern.query('CREATE TABLE bare (LIKE accounts INCLUDING ALL)');
    },
    async legacy({ id, owner, balance, note, openedOn, seenAt, mark }) {
      const seen = seenAt.replace('T', ' ').replace('Z', '');
      await legacy.execute(atLegacy, [id, owner, balance, note, openedOn, seen, mark]);
    },
    modern: (account) => modernOn(modern, account),
    modernIn: modernOn,
    modernPool: modern,
    async [Symbol.asyncDispose]() {
      await Promise.all([legacy.end(), modern.end()]);
    },
  };
}
