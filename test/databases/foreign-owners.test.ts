import { afterAll, beforeEach, expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { createDatabases } from '../support/servers.ts';
import { type Direct, direct } from './direct.ts';
import { openStoreAs } from './engine-roles.ts';
import { tables } from './tables.ts';

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

let sql: Direct['rows'];
let url: string;
const intruder = `intruder_${process.pid}`;
const preparer = `preparer_${process.pid}`;

beforeEach(async () => {
  const databases = await createDatabases();
  url = databases.postgresqlUrl;
  const connection = await direct(url);
  sql = connection.rows;
  const database = new URL(url).pathname.slice(1);
  for (const statement of tables.PostgreSQL) await sql(statement);
  for (const role of [intruder, preparer]) {
    await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'a-password'`);
    await sql(`GRANT CREATE ON DATABASE ${database} TO ${role}`);
  }
  for (const { tablename } of await sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    await sql(`GRANT SELECT ON public."${tablename}" TO ${preparer}`);
  closing.push(async () => {
    await connection.end();
    await databases.drop();
  });
  return async () => {
    for (const role of [intruder, preparer]) await sql(`DROP OWNED BY ${role} CASCADE`);
    for (const role of [intruder, preparer]) await sql(`DROP ROLE ${role}`);
  };
});

function open(as?: string) {
  const target = new URL(url);
  if (as) {
    target.username = as;
    target.password = 'a-password';
  }
  const store = openStoreAs('legacy', { url: target.toString(), entities: [account] });
  closing.push(() => store.close());
  return store;
}

/** What the account may do, where it may create in the database. */
async function plant(statements: readonly string[]): Promise<void> {
  for (const statement of [
    `SET ROLE ${intruder}`,
    'CREATE SCHEMA lockstep',
    'GRANT ALL ON SCHEMA lockstep TO PUBLIC',
    'CREATE TABLE lockstep.ran (as_account text)',
    'GRANT ALL ON lockstep.ran TO PUBLIC',
    ...statements,
    'RESET ROLE',
  ])
    await sql(statement);
}

const trap = `CREATE FUNCTION lockstep.trap() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO lockstep.ran VALUES (current_user); RETURN NEW; END $$`;
const planted: Readonly<Record<string, readonly string[]>> = {
  'a schema': [],
  'a table with a trigger': [
    'CREATE TABLE lockstep.migrations (version integer PRIMARY KEY, name text, steps integer, applied_at timestamptz)',
    'GRANT ALL ON lockstep.migrations TO PUBLIC',
    trap,
    'CREATE TRIGGER trap BEFORE INSERT ON lockstep.migrations FOR EACH ROW EXECUTE FUNCTION lockstep.trap()',
  ],
  'a view': [
    'CREATE VIEW lockstep.migrations AS SELECT 1 AS version, NULL::text AS name, 0 AS steps, NULL::timestamptz AS applied_at',
    'GRANT ALL ON lockstep.migrations TO PUBLIC',
    trap,
    'CREATE TRIGGER trap INSTEAD OF INSERT ON lockstep.migrations FOR EACH ROW EXECUTE FUNCTION lockstep.trap()',
  ],
};

test.each(Object.keys(planted))(
  '%s of another account that lies where prepare goes is refused, and nothing of it runs',
  async (what) => {
    await plant(planted[what] ?? []);
    for (const store of [open(), open(preparer)])
      await expect(store.prepare()).rejects.toMatchObject({
        code: 'NotPrepared',
        message: expect.stringMatching(new RegExp(`belongs to ${intruder}`)),
      });
    expect(await sql('SELECT * FROM lockstep.ran')).toEqual([]);
  },
);

test('what a superuser has prepared is trusted, and so is what a role has of which the account is a member', async () => {
  await open().prepare();
  await sql(`GRANT USAGE ON SCHEMA lockstep TO ${preparer}`);
  await sql(`GRANT SELECT ON ALL TABLES IN SCHEMA lockstep TO ${preparer}`);
  await expect(open(preparer).prepare()).resolves.toBeUndefined();
  await sql('DROP SCHEMA lockstep CASCADE');
  await open(preparer).prepare();
  await expect(open(intruder).prepare()).rejects.toMatchObject({ code: 'NotPrepared' });
  await sql(`GRANT ${preparer} TO ${intruder}`);
  await expect(open(intruder).prepare()).resolves.toBeUndefined();
});
