import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { createDatabases, type Databases, proxy } from './support/servers.ts';

interface Session {
  run(sql: string): Promise<unknown[]>;
  end(): Promise<void>;
}

const engines: {
  engine: string;
  urlOf(databases: Databases): string;
  open(url: string): Promise<Session>;
}[] = [
  { engine: 'MySQL/MariaDB', urlOf: ({ mysqlUrl }) => mysqlUrl, open: mysqlSession },
  { engine: 'PostgreSQL', urlOf: ({ postgresqlUrl }) => postgresqlUrl, open: postgresqlSession },
];

test.each(engines)(
  '$engine: a dropped answer leaves the write done and the caller without word',
  async ({ urlOf, open }) => {
    await using databases = await createDatabases();
    await using between = await proxy(urlOf(databases));
    const through = await open(between.url);
    await through.run('CREATE TABLE kept (id INT PRIMARY KEY)');

    const dropped = between.dropNextAnswer('INSERT INTO kept');
    await expect(through.run('INSERT INTO kept VALUES (1)')).rejects.toThrow();
    await dropped;

    const direct = await open(urlOf(databases));
    expect(await direct.run('SELECT id FROM kept')).toEqual([{ id: 1 }]);
    await direct.end();
  },
);

test.each(engines)('$engine: a cut proxy refuses, a restored one serves again', async ({ urlOf, open }) => {
  await using databases = await createDatabases();
  await using between = await proxy(urlOf(databases));
  const before = await open(between.url);

  await between.cut();
  await expect(before.run('SELECT 1 AS one')).rejects.toThrow();
  await expect(open(between.url)).rejects.toThrow();

  await between.restore();
  const after = await open(between.url);
  expect(await after.run('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await after.end();
});

test.each(engines)('$engine: a hanging proxy answers only when it is restored', async ({ urlOf, open }) => {
  await using databases = await createDatabases();
  await using between = await proxy(urlOf(databases));
  const session = await open(between.url);

  between.hang();
  let answered = false;
  const answer = session.run('SELECT 1 AS one').finally(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(answered).toBe(false);

  await between.restore();
  expect(await answer).toEqual([{ one: 1 }]);
  await session.end();
});

async function mysqlSession(url: string): Promise<Session> {
  const connection = await createConnection(url);
  connection.on('error', () => {});
  return {
    async run(sql) {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? rows : [];
    },
    end: () => connection.end(),
  };
}

async function postgresqlSession(url: string): Promise<Session> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return {
    run: async (sql) => (await client.query(sql)).rows,
    end: () => client.end(),
  };
}
