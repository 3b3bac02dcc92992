import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../../databases/contract/store.ts';
import { beginSession as beginMysql } from '../../databases/mysql/session.ts';
import { beginSession as beginPostgresql } from '../../databases/postgresql/session.ts';
import { mysql } from '../../deploy/dev/mysql.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { ownServer } from '../../proofs/support/own-server.ts';
import { createDatabaseOn } from '../support/databases.ts';
import { pgbouncer } from '../support/pgbouncer.ts';
import { until } from '../support/until.ts';
import { direct } from './direct.ts';
import { fence, openRole, openStoreAs, readOne, writeOf, writeOne } from './engine-roles.ts';

const measure = entity({
  name: 'measure',
  schema: z.strictObject({ id: z.number(), ratio: z.number() }),
  fields: { id: field.integer(), ratio: field.float() },
  key: 'id',
  legacy: table('app.measures'),
  modern: table('measures'),
});
const entities = [measure];

test('what a URL, a role or a database has for its sessions does not change values at PostgreSQL', async () => {
  await using at = await openRole(
    { engine: 'PostgreSQL', role: 'legacy' },
    {
      entities,
      onlyTables: [
        'CREATE SCHEMA app',
        'CREATE TABLE app.measures (id integer PRIMARY KEY, ratio double precision)',
      ],
    },
  );
  const database = new URL(at.url).pathname.slice(1);
  for (const setting of [
    'extra_float_digits = 0',
    "datestyle = 'SQL, DMY'",
    'default_transaction_read_only = on',
    'default_transaction_isolation = serializable',
    'standard_conforming_strings = off',
  ])
    await at.sql(`ALTER DATABASE ${database} SET ${setting}`);
  const url = `${at.url}?options=${encodeURIComponent('-c search_path=app -c extra_float_digits=0')}&statement_timeout=3600000`;
  const store = at.open({ url });
  await writeOne(store, measure, writeOf(measure, { id: 1, ratio: 0.1 + 0.2 }));
  const { image } = await readOne(store, measure, ['1']);
  expect(image).toEqual({ id: '1', ratio: '0.30000000000000004' });
  expect(
    await store.queryReadOnly(
      "SELECT ratio, to_regclass('measures') IS NOT NULL AS has_path, current_setting('statement_timeout') AS timeout FROM app.measures",
      [],
    ),
  ).toEqual([{ ratio: 0.30000000000000004, has_path: true, timeout: '30s' }]);
  await expect(store.queryReadOnly('DELETE FROM app.measures', [])).rejects.toThrow('read-only');
});

test('what a server has for its sessions neither keeps a write back nor cuts a result at MariaDB', async () => {
  const odd = {
    ...mysql,
    command: (instance: Parameters<typeof mysql.command>[0]) => {
      const { file, args } = mysql.command(instance);
      return { file, args: [...args, '--autocommit=0', '--sql-mode='] };
    },
  };
  await using server = await ownServer(odd, () => undefined);
  const { url } = await createDatabaseOn(server.endpoint.url);
  const outside = await direct(url);
  await outside.rows('SET SESSION autocommit = 1');
  await outside.rows(
    "SET GLOBAL completion_type = 'CHAIN', GLOBAL sql_select_limit = 1, GLOBAL foreign_key_checks = 0, GLOBAL unique_checks = 0, GLOBAL sql_safe_updates = 1",
  );
  await outside.rows('CREATE TABLE measures (id INT PRIMARY KEY, ratio DOUBLE)');
  await using store = disposed(openStoreAs('modern', { url, entities }));
  await store.prepare();
  await store.writeState({
    migration: fence.migration,
    phase: 'switch-primary',
    epoch: 1,
    changeNumber: 1,
    open: true,
    readPercent: 0,
    writePercent: 0,
  });
  const writes = [1, 2].map((id) => writeOf(measure, { id, ratio: 0.5 }, { status: 'pending' }));
  for (const write of writes) await writeOne(store, measure, write);
  expect(await outside.rows('SELECT COUNT(*) AS n FROM measures')).toEqual([{ n: '2' }]);
  // A statement by itself: without autocommit nobody else would see what it did.
  const ids = writes.flatMap(({ operationId }) => operationId ?? []);
  await store.setOperationStatus(ids, 'completed');
  expect(await outside.rows('SELECT DISTINCT status FROM lockstep_operations')).toEqual([
    { status: 'completed' },
  ]);
  expect(await store.queryReadOnly('SELECT id FROM measures ORDER BY id', [])).toEqual([
    { id: 1 },
    { id: 2 },
  ]);
  await outside.rows('INSERT INTO measures VALUES (3, 0.5)');
  expect(await store.queryReadOnly('SELECT COUNT(*) AS n FROM measures', [])).toEqual([{ n: 3 }]);
  await outside.end();
});

test.for([
  ['transaction', {}, /pooler/],
  ['transaction', { ignore_startup_parameters: 'options,extra_float_digits' }, /\w+ was set to .*pooler/],
  ['session', {}, null],
] as const)(
  'a pooler in %s mode with %o is refused, or keeps what is set',
  async ([mode, settings, refused], { skip }) => {
    await using at = await openRole({ engine: 'PostgreSQL', role: 'modern' });
    const pooler = await pgbouncer(at.url, { pool_mode: mode, ...settings });
    if ('unavailable' in pooler) return skip(pooler.unavailable);
    await using _ = pooler;
    const store = at.open({ url: pooler.url });
    await until('the pooler listens', () =>
      store.ping().then(
        () => true,
        (error: Error) => !/ECONNREFUSED/.test(error.message),
      ),
    );
    if (refused === null) await expect(store.ping()).resolves.toBeUndefined();
    else await expect(store.ping()).rejects.toThrow(refused);
  },
);

test('rows that a policy hides from the account are no absent rows: it is refused at PostgreSQL', async () => {
  await using at = await openRole(
    { engine: 'PostgreSQL', role: 'legacy' },
    {
      entities,
      onlyTables: [
        'CREATE SCHEMA app',
        'CREATE TABLE app.measures (id integer PRIMARY KEY, ratio double precision)',
        'INSERT INTO app.measures VALUES (1, 1), (2, 2)',
      ],
    },
  );
  const url = new URL(at.url);
  const account = `${url.pathname.slice(1)}_worker`;
  await at.sql(`CREATE ROLE "${account}" LOGIN PASSWORD 'invented'`);
  for (const statement of await at.store.grants('worker', account)) await at.sql(statement);
  url.username = account;
  url.password = 'invented';
  const store = at.open({ url: url.href });
  const hidden = { code: 'StoreRefused', message: expect.stringMatching(/row-level security.*BYPASSRLS/) };
  try {
    const all = { after: null, upTo: null, limit: 9 };
    expect(await store.keys(measure, all)).toHaveLength(2);
    expect(await store.missingRights('worker')).toEqual([]);
    await at.sql('ALTER TABLE app.measures ENABLE ROW LEVEL SECURITY');
    await at.sql('CREATE POLICY visible ON app.measures USING (id = 1)');
    await expect(store.keys(measure, all)).rejects.toMatchObject(hidden);
    await expect(store.read(measure, [['2']])).rejects.toMatchObject(hidden);
    expect(await store.missingRights('worker')).toEqual([
      'BYPASSRLS, because policies hide rows of app.measures',
    ]);
    // A service's own statement sees what its account is to see.
    expect(await store.queryReadOnly('SELECT id FROM app.measures', [])).toEqual([{ id: 1 }]);
    await at.sql(`ALTER ROLE "${account}" BYPASSRLS`);
    expect(await store.keys(measure, all)).toHaveLength(2);
  } finally {
    await at.sql(`DROP OWNED BY "${account}"`);
    await at.sql(`DROP ROLE "${account}"`);
  }
});

test.each([
  ['PostgreSQL', /^SELECT pg_catalog.current_setting\('server_version'\)/, { version: '14.11' }],
  ['MariaDB', /VERSION\(\)/, { version: '10.5.29-MariaDB' }],
] as const)(
  'a server of %s that is too old is refused before anything else',
  async (engine, asks, answer) => {
    await using at = await openRole({ engine, role: 'modern' });
    const session = { store: 'modern', address: 'here', statementTimeoutMs: 1_000 } as const;
    const refused = { code: 'StoreUnavailable', message: expect.stringContaining(answer.version) };
    if (engine === 'PostgreSQL') {
      const another = () => new pg.Client(at.url);
      const client = another();
      await client.connect();
      const asked: unknown[] = [];
      const query = client.query.bind(client) as (sql: string) => Promise<unknown>;
      const old = Object.assign(client, {
        query: async (sql: string) => {
          asked.push(sql);
          return asks.test(sql) ? { rows: [answer] } : await query(sql);
        },
      });
      await expect(beginPostgresql(old, { ...session, path: null, another })).rejects.toMatchObject(refused);
      expect(asked).toHaveLength(1);
      await client.end();
    } else {
      const pool = createPool({ uri: at.url, charset: 'utf8mb4' });
      const client = await pool.getConnection();
      const query = client.query.bind(client) as unknown as (asked: unknown) => Promise<[object[], unknown]>;
      const old = Object.assign(client, {
        query: async (sql: string | { sql: string }) => {
          const [rows, ...more] = await query(sql);
          const isIt = typeof sql === 'object' && asks.test(sql.sql);
          return isIt ? [rows.map((row) => ({ ...row, ...answer })), ...more] : [rows, ...more];
        },
      });
      await expect(beginMysql(old, session)).rejects.toMatchObject(refused);
      await pool.end();
    }
  },
);

function disposed(store: Store): Store & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
