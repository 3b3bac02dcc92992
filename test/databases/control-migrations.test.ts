import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ControlMigration } from '../../databases/engine/control-migrations.ts';
import { readControlMigrations } from '../../databases/engine/control-migrations.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import { migrateControlTables } from '../../databases/sql/preparation.ts';
import { account } from '../support/accounts.ts';
import { createDatabases, type Databases } from '../support/servers.ts';
import { type Direct, direct } from './direct.ts';
import { accessOver, type EngineRole, openEngineAs, openStoreAs } from './engine-roles.ts';
import { tables } from './tables.ts';

const engines: EngineRole['engine'][] = ['PostgreSQL', 'MariaDB'];
/** What this program knows. */
const programVersion = 8;

describe.each(engines)('control tables at %s', (name) => {
  const isPostgresql = name === 'PostgreSQL';
  const control = (table: string) => `${isPostgresql ? 'lockstep.' : 'lockstep_'}${table}`;
  const closing: (() => Promise<unknown>)[] = [];
  let databases: Databases;
  let url: string;
  let sql: Direct['rows'];

  beforeAll(async () => {
    databases = await createDatabases();
    url = isPostgresql ? databases.postgresqlUrl : databases.mysqlUrl;
    const connection = await direct(url);
    closing.push(
      () => databases.drop(),
      () => connection.end(),
    );
    sql = connection.rows;
    for (const statement of tables[name]) await sql(statement);
  });
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  const open = () => {
    const store = openStoreAs('legacy', { url, entities: [account] });
    closing.push(() => store.close());
    return store;
  };
  const openEngine = () => {
    const engine = openEngineAs('legacy', url);
    closing.push(() => engine.close());
    return engine;
  };

  /** As before the first `prepare`. */
  async function unprepare(): Promise<void> {
    if (isPostgresql) {
      await sql('DROP SCHEMA IF EXISTS lockstep CASCADE');
      return;
    }
    for (const { made } of await sql(
      `SELECT CONCAT('DROP TABLE ', TABLE_NAME) AS made FROM information_schema.TABLES
       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lockstep\\_%'
       UNION ALL SELECT CONCAT('DROP PROCEDURE ', ROUTINE_NAME) FROM information_schema.ROUTINES
       WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME LIKE 'lockstep\\_%'`,
    ))
      await sql(made ?? '');
  }

  /** Columns and indexes of the control tables, in any order. */
  async function shape(): Promise<string[]> {
    const rows = isPostgresql
      ? await sql(
          `SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, collation_name) AS part
           FROM information_schema.columns WHERE table_schema = 'lockstep'
           UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'lockstep'`,
        )
      : await sql(
          `SELECT CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME) AS part
           FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lockstep\\_%'
           UNION ALL SELECT CONCAT_WS(' ', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME)
           FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lockstep\\_%'`,
        );
    return rows.map(({ part }) => part ?? '').sort();
  }

  const applied = () =>
    sql(`SELECT version, name FROM ${control('migrations')} WHERE applied_at IS NOT NULL ORDER BY version`);
  const allApplied = async () =>
    (await openEngine().controlMigrations()).map(({ version, name }) => ({ version: String(version), name }));

  /** A store as it was prepared before control tables had a version. */
  async function makeUnversioned(): Promise<void> {
    await unprepare();
    const file = `./unversioned/${isPostgresql ? 'postgresql' : 'mysql'}.sql`;
    const statements = await readFile(new URL(file, import.meta.url), 'utf8');
    for (const statement of isPostgresql ? [statements] : statements.split(/;$/m).filter((one) => one.trim()))
      await sql(statement);
    await sql(
      `INSERT INTO ${control('operations')} (id, migration, entity, record_key, kind, status) VALUES ('kept', 'move', 'account', '[1]', 'create', 'pending')`,
    );
  }

  test('a new store is brought to the newest version, and says what it lacks before', async () => {
    await unprepare();
    const store = open();
    await expect(store.check()).rejects.toMatchObject({
      code: 'NotPrepared',
      message: expect.stringMatching(/at version 0, .* lacks 001-control-tables.*; run lockstep prepare/),
      details: { store: 'legacy', measured: { storeVersion: 0, programVersion } },
    });
    const planned = (await store.plan()).join('\n');
    expect(planned).toContain('-- 001-control-tables');
    expect(planned).toContain(`CREATE TABLE IF NOT EXISTS ${control('operations')}`);
    expect(await applied().catch(() => 'no table')).toBe('no table');
    await store.prepare();
    await store.check();
    expect(await applied()).toEqual(await allApplied());
    expect(await store.plan()).toEqual([]);
  });

  test('a store from before there were versions is adopted, with what it holds', async () => {
    await unprepare();
    await open().prepare();
    const wanted = await shape();
    await makeUnversioned();
    const store = open();
    await expect(store.check()).rejects.toMatchObject({ details: { measured: { storeVersion: 0 } } });
    await store.prepare();
    await store.check();
    expect(await shape()).toEqual(wanted);
    expect(await applied()).toEqual(await allApplied());
    expect(await sql(`SELECT id FROM ${control('operations')}`)).toEqual([{ id: 'kept' }]);
  });

  test('an older one yet is given the columns that it lacks', async () => {
    await unprepare();
    await open().prepare();
    const wanted = await shape();
    await makeUnversioned();
    await sql(`ALTER TABLE ${control('operations')} DROP COLUMN failure, DROP COLUMN attempts`);
    await sql(`ALTER TABLE ${control('chunks')} DROP COLUMN bytes`);
    await sql(`DROP TABLE ${control('captured')}`);
    await open().prepare();
    expect(await shape()).toEqual(wanted);
  });

  test('a store that a newer program prepared is refused, and left as it is', async () => {
    await unprepare();
    const store = open();
    await store.prepare();
    await sql(
      `INSERT INTO ${control('migrations')} (version, name, steps) VALUES (${programVersion + 2}, 'later', 1)`,
    );
    const before = await shape();
    for (const refused of [store.prepare, store.plan, store.check]) {
      await expect(refused()).rejects.toMatchObject({
        code: 'NotPrepared',
        message: expect.stringContaining('upgrade this program'),
        details: {
          remedy: 'upgrade this program',
          measured: { storeVersion: programVersion + 2, programVersion },
        },
      });
    }
    expect(await shape()).toEqual(before);
  });

  test('a control table that somebody dropped is named, for preparing again does not make it', async () => {
    await unprepare();
    const store = open();
    await store.prepare();
    await sql(`DROP TABLE ${control('captured')}`);
    await store.prepare();
    await expect(store.check()).rejects.toMatchObject({
      code: 'NotPrepared',
      message: expect.stringContaining(`${control('captured')} was dropped or renamed; bring it back`),
    });
  });

  test('one that prepares waits for another', async () => {
    await unprepare();
    const store = open();
    let second: Promise<void> | undefined;
    await openEngine().alone(async () => {
      second = store.prepare();
      await expect
        .poll(
          async () => {
            const waiting = isPostgresql
              ? `SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`
              : `SELECT 1 AS one FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE = 'User lock'`;
            return (await sql(waiting)).length;
          },
          { timeout: 20_000 },
        )
        .toBe(1);
      expect(await shape()).toEqual([]);
    });
    await second;
    await store.check();
  });

  test('many that prepare at once all succeed', async () => {
    await unprepare();
    await Promise.all(Array.from({ length: 5 }, () => open().prepare()));
    expect(await applied()).toEqual(await allApplied());
    await open().check();
  });

  test('a crash between any two statements is made good by preparing again', async () => {
    const migrations = migrationsOf(isPostgresql, control);
    const engine = openEngine();
    const known = { ...engine, controlMigrations: async () => migrations };
    const prepare = (over: Engine) => migrateControlTables(accessOver('legacy', over));
    await unprepare();
    await prepare(known);
    const wanted = await shape();
    let crashes = 0;
    for (let at = 0; ; at++) {
      await unprepare();
      const crashed = await prepare(crashing(known, at)).then(
        () => false,
        () => true,
      );
      await prepare(known);
      expect({ at, shape: await shape() }).toEqual({ at, shape: wanted });
      // A statement that is no definition has run once, neither never nor twice.
      expect({ at, rows: await sql(`SELECT count FROM ${control('numbers')}`) }).toEqual({
        at,
        rows: [{ count: '1' }],
      });
      if (!crashed) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(migrations.flatMap(({ steps }) => steps).length * 2);
  });
});

test('both engines have the same migrations', async () => {
  const namesIn = async (engine: string) => {
    const folder = new URL(`../../databases/${engine}/control/`, import.meta.url);
    return (await readControlMigrations(folder, (sql) => [sql])).map(({ name }) => name);
  };
  expect(await namesIn('mysql')).toEqual(await namesIn('postgresql'));
  expect(await namesIn('mysql')).toHaveLength(programVersion);
});

test('a file whose number is out of order is refused', async () => {
  const folder = new URL('./misnumbered/', import.meta.url);
  await expect(readControlMigrations(folder, (sql) => [sql])).rejects.toThrow(
    'control migration 003-third.sql is out of order: its number must be 2',
  );
});

/** Two migrations with a definition of each kind, and a change of rows. */
function migrationsOf(isPostgresql: boolean, control: (table: string) => string): ControlMigration[] {
  const first = [
    ...(isPostgresql ? ['CREATE SCHEMA lockstep'] : []),
    `CREATE TABLE ${isPostgresql ? '' : 'IF NOT EXISTS '}${control('migrations')} (version integer PRIMARY KEY, name varchar(100) NOT NULL, steps integer NOT NULL, applied_at timestamp NULL)`,
    `CREATE TABLE ${control('numbers')} (id integer PRIMARY KEY, old integer)`,
    `INSERT INTO ${control('numbers')} VALUES (1, 0)`,
  ];
  const second = [
    `ALTER TABLE ${control('numbers')} ADD COLUMN count integer NOT NULL DEFAULT 0`,
    `UPDATE ${control('numbers')} SET count = count + 1`,
    `CREATE INDEX counted ON ${control('numbers')} (count)`,
    `ALTER TABLE ${control('numbers')} DROP COLUMN old`,
  ];
  return [first, second].map((statements, index) => ({
    version: index + 1,
    name: `00${index + 1}-test`,
    steps: isPostgresql ? [statements.join(';\n')] : statements,
  }));
}

/** Loses its connection around the statement of that number: before it, or before its answer. */
function crashing(engine: Engine, number: number): Engine {
  let left = Math.floor(number / 2);
  return {
    ...engine,
    alone: (work) =>
      engine.alone((session) =>
        work({
          query: async (sql, parameters) => {
            left -= 1;
            if (left >= 0) return await session.query(sql, parameters);
            if (left === -1 && number % 2 === 1) await session.query(sql, parameters);
            throw new Error('the connection is lost');
          },
        }),
      ),
  };
}
