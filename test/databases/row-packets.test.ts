import mysql from 'mysql2/promise';
import { expect, test } from 'vitest';
import { streamRows } from '../../databases/mysql/row-packets.ts';
import { servers } from '../support/servers.ts';

const rows = 8_000;
const bytesPerRow = 1_000;
/** What is taken at a stretch, and what had been read by then. */
const mostAtOnce = 200 * 1024;

test('whatever else the process does has its turn while a large answer is read', async () => {
  const pool = mysql.createPool({ uri: servers().mysql.url });
  const client = await pool.getConnection();
  const stretches: number[] = [];
  let taken = 0;
  let isOver = false;
  const turn = () => {
    stretches.push(taken);
    taken = 0;
    if (!isOver) setImmediate(turn);
  };
  try {
    setImmediate(turn);
    const sql = `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT REPEAT('x', ${bytesPerRow}) FROM n`;
    await client.query(
      `SET SESSION ${(await isMariadb(client)) ? 'max_recursive_iterations' : 'cte_max_recursion_depth'} = ${rows}`,
    );
    await streamRows(client, { sql, parameters: [], timeoutMs: 60_000 }, (packet) => {
      taken += packet.end - packet.offset;
      // Slower than the server, so that there is always something to read.
      for (const until = performance.now() + 0.02; performance.now() < until; );
      return true;
    });
    isOver = true;
    stretches.push(taken);
  } finally {
    client.destroy();
    await pool.end();
  }
  expect(stretches.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(rows * bytesPerRow);
  expect(Math.max(...stretches)).toBeLessThan(mostAtOnce);
});

async function isMariadb(client: mysql.PoolConnection): Promise<boolean> {
  const [[row]] = await client.query<mysql.RowDataPacket[]>('SELECT VERSION() AS version');
  return String(row?.version).includes('MariaDB');
}
