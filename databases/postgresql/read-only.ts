import pg from 'pg';

/** Sessions for statements of a service's own, with the driver's own types. They may only read. Connects at its first use. */
export function createReadOnlyPool(settings: pg.PoolConfig) {
  const pool = new pg.Pool({
    ...settings,
    types: pg.types,
    options: '-c timezone=UTC -c default_transaction_read_only=on',
  });
  // A connection that breaks is replaced at the next use, and its query is told.
  pool.on('error', () => undefined);
  return {
    query: async (sql: string, parameters: readonly unknown[]): Promise<unknown[]> =>
      (await pool.query<pg.QueryResultRow>(sql, [...parameters])).rows,
    end: () => pool.end(),
  };
}
