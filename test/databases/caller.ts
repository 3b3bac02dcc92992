import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { MysqlTransaction, PgTransaction } from '../../client/service/caller-transaction.ts';

/** A service's own connection, with its driver's usual settings. */
export interface Caller extends AsyncDisposable {
  readonly tx: PgTransaction | MysqlTransaction;
  /** Plain SQL without parameters. */
  sql(statement: string): Promise<void>;
  /** The driver's result of a statement, as a mapper would give it. */
  query(sql: string, parameters: unknown[]): Promise<unknown>;
}

export async function caller(url: string): Promise<Caller> {
  if (url.startsWith('postgres')) {
    const client = new Client({ connectionString: url });
    // A test may cut it.
    client.on('error', () => undefined);
    await client.connect();
    return {
      tx: client,
      sql: async (statement) => void (await client.query(statement)),
      query: async (sql, parameters) => (await client.query(sql, parameters)).rows,
      [Symbol.asyncDispose]: () => client.end(),
    };
  }
  const connection = await createConnection({ uri: url });
  connection.on('error', () => undefined);
  return {
    tx: connection,
    sql: async (statement) => void (await connection.query(statement)),
    query: async (sql, parameters) => await connection.query(sql, parameters),
    [Symbol.asyncDispose]: () => connection.end(),
  };
}
