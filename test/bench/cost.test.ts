import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { expect, test } from 'vitest';
import { cost } from '../../bench/cost/cost.ts';
import { countStatements } from '../../bench/cost/statements.ts';
import { servers } from '../support/servers.ts';

const big = 'x'.repeat(100_000);

test('statements to MySQL/MariaDB are counted, prepared ones too, and their preparation is not', async () => {
  await using counted = await countStatements(servers().mysql.url);
  const connection = await createConnection({ uri: counted.url });
  const before = counted.statements();
  await connection.query('SELECT 1');
  for (const value of [1, 2, 3]) await connection.execute('SELECT ?', [value]);
  await connection.query('SELECT LENGTH(?)', [big]);
  expect(counted.statements() - before).toBe(5);
  await connection.end();
});

test('statements to PostgreSQL are counted, prepared ones too', async () => {
  await using counted = await countStatements(servers().postgresql.url);
  const client = new pg.Client({ connectionString: counted.url });
  await client.connect();
  const before = counted.statements();
  await client.query('SELECT 1');
  for (const value of ['1', '2', '3'])
    await client.query({ name: 'one', text: 'SELECT $1::text', values: [value] });
  await client.query('SELECT length($1)', [big]);
  expect(counted.statements() - before).toBe(5);
  await client.end();
});

test('writes that share workflows take at most a fifth of an action each', { timeout: 600_000 }, async () => {
  const { bars, figures } = await cost({
    servers: servers(),
    seed: 1,
    rows: 10,
    runs: undefined,
    ways: ['group'],
    callers: [32],
    writeDocs: false,
    note: () => {},
  });
  expect(bars, JSON.stringify(figures)).toMatchObject([{ ok: true }]);
});
