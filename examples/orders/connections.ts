import { type Connection, createConnection } from 'mysql2/promise';
import pg from 'pg';

export type LegacyConnection = Connection;
export type ModernConnection = pg.Client;

/** A plain connection to each store, past Lockstep. Every value comes as text, so nothing is rounded on the way. */
export function openLegacy(url: string): Promise<LegacyConnection> {
  return createConnection({
    uri: url,
    charset: 'utf8mb4',
    typeCast: (column) => column.string(),
  });
}

export async function openModern(url: string): Promise<ModernConnection> {
  const client = new pg.Client({
    connectionString: url,
    types: { getTypeParser: () => (text: string | Buffer) => text },
  });
  await client.connect();
  return client;
}
