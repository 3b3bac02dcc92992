import { direct } from '../databases/direct.ts';
import type { MysqlServer } from './awkward.ts';

/** Which of the two answers at a URL. */
export async function mysqlServerAt(url: string): Promise<MysqlServer> {
  const connection = await direct(url);
  try {
    const [row] = await connection.rows('SELECT VERSION() AS version');
    return row?.version?.includes('MariaDB') ? 'MariaDB' : 'MySQL';
  } finally {
    await connection.end();
  }
}
