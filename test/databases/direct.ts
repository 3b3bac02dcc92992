import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

/** A connection around the store, to look at tables and to stand in the way. Every value comes back as text. */
export interface Direct {
  rows(sql: string): Promise<Record<string, string | null>[]>;
  /** Resolves when `count` sessions of this database wait for a lock. */
  waiting(count?: number): Promise<void>;
  end(): Promise<void>;
}

export async function direct(url: string): Promise<Direct> {
  return url.startsWith('postgres') ? await onPostgresql(url) : await onMysql(url);
}

async function onPostgresql(url: string): Promise<Direct> {
  const client = new Client({
    connectionString: url,
    types: { getTypeParser: () => (value: string) => value },
  });
  await client.connect();
  const rows = async (sql: string) => (await client.query<Record<string, string | null>>(sql)).rows;
  return {
    rows,
    waiting: (count = 1) =>
      until(async () => {
        const [row] = await rows(
          `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return Number(row?.n) >= count;
      }),
    end: () => client.end(),
  };
}

async function onMysql(url: string): Promise<Direct> {
  const connection = await createConnection({ uri: url, charset: 'utf8mb4' });
  const rows = async (sql: string) => {
    const [found] = await connection.query({
      sql,
      typeCast: (column: { string(): string | null }) => column.string(),
    });
    return Array.isArray(found) ? (found as Record<string, string | null>[]) : [];
  };
  const [server] = await rows('SELECT VERSION() AS version');
  const waits = server?.version?.includes('MariaDB') ? waitsAtMariadb : waitsAtMysql;
  return {
    rows,
    waiting: (count = 1) => until(async () => (await waits(rows)) >= count),
    end: () => connection.end(),
  };
}

/** INNODB_TRX would be shorter, but it is not refreshed while somebody keeps reading it. */
async function waitsAtMariadb(rows: Direct['rows']): Promise<number> {
  const [status] = await rows('SHOW ENGINE INNODB STATUS');
  // What comes before the list tells of the last deadlock, and of waits that are long over.
  const [, ...listed] = (status?.Status ?? '').split('---TRANSACTION');
  const transactions = listed.filter((text) => text.includes('LOCK WAIT'));
  const threads: (string | undefined)[] = transactions.map((text) => /thread id (\d+)/.exec(text)?.[1]);
  const here = await rows('SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE()');
  return here.filter(({ id }) => threads.includes(id ?? '')).length;
}

/** Its status leaves out transactions that only read. */
async function waitsAtMysql(rows: Direct['rows']): Promise<number> {
  const [found] = await rows(
    `SELECT COUNT(DISTINCT w.REQUESTING_THREAD_ID) AS n FROM performance_schema.data_lock_waits w
     JOIN performance_schema.threads t ON t.THREAD_ID = w.REQUESTING_THREAD_ID WHERE t.PROCESSLIST_DB = DATABASE()`,
  );
  return Number(found?.n);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 6_000; look++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody waits for a lock');
}
