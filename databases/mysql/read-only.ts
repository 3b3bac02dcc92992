import mysql from 'mysql2/promise';
import { beginSession, type SessionOf } from './session.ts';

/** Sessions for statements of a service's own, with the driver's own types. They may only read. Connects at its first use. */
export function createReadOnlyPool(settings: mysql.PoolOptions, session: SessionOf) {
  const pool = mysql.createPool({ ...settings, supportBigNumbers: true, jsonStrings: false });
  const ready = new WeakSet<object>();

  async function connection(): Promise<mysql.PoolConnection> {
    const client = await pool.getConnection();
    if (ready.has(client.connection)) return client;
    try {
      await beginSession(client, { ...session, readOnly: true });
      ready.add(client.connection);
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  return {
    async query(sql: string, parameters: readonly unknown[]): Promise<unknown[]> {
      const client = await connection();
      let broken = true;
      try {
        const [rows] = await client.query({ sql, timeout: session.statementTimeoutMs }, [...parameters]);
        // What gives no rows is no read, and may have changed the session: a setting, a transaction that it has begun.
        broken = !Array.isArray(rows);
        return Array.isArray(rows) ? rows : [];
      } catch (error) {
        broken = !(error instanceof Error && 'sqlState' in error);
        // The driver puts the statement there with its values, which whoever logs the error would log.
        if (error instanceof Error) Reflect.deleteProperty(error, 'sql');
        throw error;
      } finally {
        if (broken) client.destroy();
        else client.release();
      }
    },
    end: () => pool.end(),
  };
}
