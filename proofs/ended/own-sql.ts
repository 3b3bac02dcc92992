import mysql from 'mysql2/promise';
import pg from 'pg';
import type { CallerTransaction } from '../../client/service/caller-transaction.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Account, Layout } from '../account/account.ts';
import type { StoreUrls } from '../account/environment.ts';

/** A service's own connection to a store. */
export interface OwnConnection {
  readonly tx: CallerTransaction;
  /** Gives how many rows it has met. */
  run(sql: string, values?: readonly unknown[]): Promise<number>;
  end(): Promise<void>;
}

export async function connectTo(store: StoreName, urls: StoreUrls): Promise<OwnConnection> {
  return store === 'legacy' ? await connectToLegacy(urls.legacy) : await connectToModern(urls.modern);
}

async function connectToLegacy(uri: string): Promise<OwnConnection> {
  const connection = await mysql.createConnection({ uri });
  // Whoever waits for a statement is told by that.
  connection.on('error', () => undefined);
  return {
    tx: connection,
    run: async (sql, values = []) => {
      const [found] = await connection.query(sql, [...values]);
      return Array.isArray(found) ? found.length : found.affectedRows;
    },
    end: async () => connection.destroy(),
  };
}

async function connectToModern(connectionString: string): Promise<OwnConnection> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  return {
    tx: client,
    run: async (sql, values = []) => {
      let place = 0;
      const text = sql.replaceAll('?', () => `$${++place}`);
      return (await client.query(text, [...values])).rowCount ?? 0;
    },
    end: async () => await client.end().catch(() => undefined),
  };
}

/** How a service itself writes an account in a store. */
export interface OwnSql {
  /** Locks the row, and gives whether there is one. */
  look(at: OwnConnection, id: string): Promise<boolean>;
  insert(at: OwnConnection, account: Account): Promise<void>;
  update(at: OwnConnection, id: string, patch: Partial<Omit<Account, 'id'>>): Promise<void>;
  delete(at: OwnConnection, id: string): Promise<void>;
}

const names: Readonly<Record<string, Readonly<Record<keyof Account, string>>>> = {
  acct: {
    id: 'id',
    owner: 'owner_nm',
    balance: 'bal',
    note: 'note',
    openedOn: 'opened',
    seenAt: 'last_seen',
    mark: 'mark',
  },
  accounts: {
    id: 'id',
    owner: 'owner',
    balance: 'balance',
    note: 'note',
    openedOn: 'opened_on',
    seenAt: 'seen_at',
    mark: 'mark',
  },
};

export function ownSql(store: StoreName, layout: Layout, suffix: string): OwnSql {
  const root = `${store === 'legacy' ? 'acct' : 'accounts'}${suffix}`;
  const isBytes = store === 'legacy' && layout === 'bytes';
  const isLines = layout === 'lines';
  const table = isLines ? `${root}_heads` : isBytes ? `${root}_rows` : root;
  const columns = names[store === 'legacy' && !isLines ? 'acct' : 'accounts'];
  const id = isBytes ? "UNHEX(REPLACE(?, '-', ''))" : '?';
  const cellsOf = (values: Partial<Account>) =>
    Object.entries(values).flatMap(([field, value]) => {
      if (isLines && field === 'note') return [];
      const column = columns?.[field as keyof Account] ?? field;
      const isTime = store === 'legacy' && field === 'seenAt';
      return [{ column, value: isTime ? String(value).replace('T', ' ').replace('Z', '') : value }];
    });
  const writeLines = async (at: OwnConnection, key: string, note: string | null | undefined) => {
    if (!isLines || note === undefined) return;
    await at.run(`DELETE FROM ${root}_lines WHERE id = ?`, [key]);
    for (const [line, text] of (note?.split('\n') ?? []).entries())
      await at.run(`INSERT INTO ${root}_lines (id, line, text) VALUES (?, ?, ?)`, [key, line, text]);
  };
  return {
    look: async (at, key) => (await at.run(`SELECT id FROM ${table} WHERE id = ${id} FOR UPDATE`, [key])) > 0,
    insert: async (at, account) => {
      const cells = cellsOf(account);
      const values = cells.map(({ column }) => (column === 'id' ? id : '?'));
      await at.run(
        `INSERT INTO ${table} (${cells.map(({ column }) => column).join(', ')}) VALUES (${values.join(', ')})`,
        cells.map(({ value }) => value),
      );
      await writeLines(at, account.id, account.note);
    },
    update: async (at, key, patch) => {
      const cells = cellsOf(patch);
      await at.run(
        `UPDATE ${table} SET ${cells.map(({ column }) => `${column} = ?`).join(', ')} WHERE id = ${id}`,
        [...cells.map(({ value }) => value), key],
      );
      await writeLines(at, key, patch.note);
    },
    delete: async (at, key) => {
      if (isLines) await at.run(`DELETE FROM ${root}_lines WHERE id = ?`, [key]);
      await at.run(`DELETE FROM ${table} WHERE id = ${id}`, [key]);
    },
  };
}
