import { afterAll, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../databases/contract/store.ts';
import { account } from '../support/accounts.ts';
import { createDatabases } from '../support/servers.ts';
import { type Direct, direct } from './direct.ts';
import { openStoreAs } from './engine-roles.ts';
import { tables } from './tables.ts';

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const engines = ['MariaDB', 'PostgreSQL'] as const;
let at: Readonly<Record<(typeof engines)[number], { sql: Direct['rows']; store: Store }>>;

beforeEach(async () => {
  const databases = await createDatabases();
  closing.push(() => databases.drop());
  const open = async (url: string, statements: readonly string[]) => {
    const connection = await direct(url);
    for (const statement of statements) await connection.rows(statement);
    const store = openStoreAs('legacy', { url, entities: [account] });
    closing.push(
      () => connection.end(),
      () => store.close(),
    );
    await store.prepare();
    return { sql: connection.rows, store };
  };
  at = {
    MariaDB: await open(databases.mysqlUrl, tables.MariaDB),
    PostgreSQL: await open(databases.postgresqlUrl, tables.PostgreSQL),
  };
});

const added = {
  MariaDB: {
    make: [
      'CREATE TRIGGER audit BEFORE UPDATE ON lockstep_state FOR EACH ROW SET NEW.migration = OLD.migration',
    ],
    told: 'the trigger audit on lockstep_state',
  },
  PostgreSQL: {
    make: [
      'CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
      'CREATE TRIGGER audit BEFORE UPDATE ON lockstep.state FOR EACH ROW EXECUTE FUNCTION public.audit()',
    ],
    told: 'the trigger audit on lockstep.state',
  },
};

test.each(engines)('%s: what somebody has put on control tables is told', async (engine) => {
  const { sql, store } = at[engine];
  expect(await store.foreignParts()).toEqual({ owners: [], additions: [] });
  for (const statement of added[engine].make) await sql(statement);
  expect((await store.foreignParts()).additions).toEqual([added[engine].told]);
});

test('PostgreSQL: so is a rule, and a view in the place of a table', async () => {
  const { sql, store } = at.PostgreSQL;
  await sql('CREATE RULE deaf AS ON UPDATE TO lockstep.state DO INSTEAD NOTHING');
  await sql('ALTER TABLE lockstep.retired RENAME TO other');
  await sql('CREATE VIEW lockstep.retired AS SELECT * FROM lockstep.other');
  const { additions } = await store.foreignParts();
  expect(additions.toSorted()).toEqual([
    'lockstep.retired, which is no table',
    'the rule deaf on lockstep.state',
  ]);
});

const intruder = `intruder_${process.pid}`;

/** Another one's routine under the name of ours, with its comment, as whoever may make routines could have put it there before. */
async function plant(sql: Direct['rows'], security: 'DEFINER' | 'INVOKER'): Promise<void> {
  const [made] = await sql(
    "SELECT ROUTINE_COMMENT AS comment FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME = 'lockstep_write_account'",
  );
  await sql('DROP PROCEDURE lockstep_write_account');
  await sql(
    `CREATE DEFINER = '${intruder}'@'127.0.0.1' PROCEDURE lockstep_write_account() SQL SECURITY ${security} COMMENT '${made?.comment}' SELECT 1`,
  );
}

const maker = async (sql: Direct['rows']) =>
  await sql(
    "SELECT DEFINER = CURRENT_USER() AS own FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME = 'lockstep_write_account'",
  );

test('MariaDB: a routine of another account under our name is told, and prepare makes it anew', async () => {
  const { sql, store } = at.MariaDB;
  await sql(`CREATE USER '${intruder}'@'127.0.0.1'`);
  try {
    await plant(sql, 'INVOKER');
    expect((await store.foreignParts()).owners).toEqual([`${intruder}@127.0.0.1`]);
    expect(await store.plan()).toContain('DROP PROCEDURE IF EXISTS `lockstep_write_account`');
    await store.prepare();
    expect(await maker(sql)).toEqual([{ own: '1' }]);
    expect(await store.foreignParts()).toEqual({ owners: [], additions: [] });
    expect(await store.plan()).toEqual([]);
  } finally {
    await sql(`DROP USER '${intruder}'@'127.0.0.1'`);
  }
});

test('MariaDB: a routine that runs with the rights of who made it is none of ours', async () => {
  const { sql, store } = at.MariaDB;
  await sql(`CREATE USER '${intruder}'@'127.0.0.1'`);
  try {
    await plant(sql, 'DEFINER');
    await expect(store.check()).rejects.toMatchObject({ code: 'NotPrepared' });
    await store.prepare();
    await store.check();
  } finally {
    await sql(`DROP USER '${intruder}'@'127.0.0.1'`);
  }
});
