import pg from 'pg';
import { beginSession, type SessionOf } from './session.ts';

/** Of statements that leave a session as it was. */
const reads: readonly string[] = ['SELECT', 'SHOW', 'EXPLAIN'];

/** Sessions for statements of a service's own, with the driver's own types. They may only read. Connects at its first use. */
export function createReadOnlyPool(settings: pg.PoolConfig, session: SessionOf) {
  const pool = new pg.Pool({
    ...settings,
    types: pg.types,
    onConnect: (client) => beginSession(client, { ...session, path: null, readOnly: true }),
  });
  // A connection that breaks is replaced at the next use, and its query is told.
  pool.on('error', () => undefined);
  return {
    async query(sql: string, parameters: readonly unknown[]): Promise<unknown[]> {
      const client = await pool.connect();
      // What is no read may have changed the session, such as a setting or a transaction that it has begun.
      let isUsable = false;
      try {
        // Extended, so that it is one statement.
        const query = { text: sql, values: [...parameters], queryMode: 'extended' };
        const { rows, command } = await client.query<pg.QueryResultRow>(query);
        isUsable = reads.includes(command);
        return rows;
      } catch (error) {
        isUsable = error instanceof pg.DatabaseError;
        throw error;
      } finally {
        client.release(!isUsable);
      }
    },
    end: () => pool.end(),
  };
}
