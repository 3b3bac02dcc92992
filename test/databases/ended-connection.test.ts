import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { expect, test } from 'vitest';
import { classify as classifyMysql } from '../../databases/mysql/failures.ts';
import { classify as classifyPostgresql } from '../../databases/postgresql/failures.ts';
import { servers } from '../support/servers.ts';
import { direct } from './direct.ts';

/** Between two statements, such as those that begin a session, the driver knows it before it sends the next one. */
test.each([
  {
    engine: 'PostgreSQL',
    url: () => servers().postgresql.url,
    classify: classifyPostgresql,
    open: async (connectionString: string) => {
      const client = new pg.Client({ connectionString });
      const ended = new Promise((resolve) => client.once('end', resolve));
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query<{ id: number }>('SELECT pg_backend_pid() AS id');
      return {
        end: `SELECT pg_terminate_backend(${rows[0]?.id})`,
        ended,
        ask: () => client.query('SELECT 1'),
      };
    },
  },
  {
    engine: 'MariaDB',
    url: () => servers().mysql.url,
    classify: classifyMysql,
    open: async (uri: string) => {
      const connection = await createConnection({ uri });
      const ended = new Promise((resolve) => connection.once('error', resolve));
      return {
        end: `KILL CONNECTION ${connection.threadId}`,
        ended,
        ask: () => connection.query('SELECT 1'),
      };
    },
  },
])('a connection that somebody has ended is no answer of $engine', async ({ url, classify, open }) => {
  const { end, ended, ask } = await open(url());
  const administrator = await direct(url());
  await administrator.rows(end);
  await ended;
  const error = await ask().catch((reason: unknown) => reason);
  expect(classify(error)).toMatchObject({ code: 'StoreUnavailable', about: 'network' });
  await administrator.end();
});
