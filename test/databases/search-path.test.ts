import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { searchPath } from '../../databases/postgresql/search-path.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { account } from '../support/accounts.ts';
import { fence, type Opened, openRole, operationId, writeOf, writeOne } from './engine-roles.ts';
import { slot } from './entities.ts';

/** Operators for pairs of types for which the server has none of its own, and so converts one of them. They give what the server's would. */
const operatorsElsewhere = `DO $do$
DECLARE
  types text[] := ARRAY['text', 'name', 'integer', 'smallint', 'numeric', 'real', 'double precision', 'oid', 'regclass', 'regtype',
    'regnamespace', 'text[]', 'smallint[]', 'integer[]', 'interval', 'json', 'boolean'];
  o record; l text; r text; made integer := 0; gives text; does text;
BEGIN
  FOR o IN SELECT * FROM (VALUES ('=', 'boolean'), ('<>', 'boolean'), ('<', 'boolean'), ('>', 'boolean'), ('>=', 'boolean'), ('||', 'text'),
      ('*', 'numeric'), ('/', 'numeric'), ('+', 'numeric'), ('-', 'numeric'), ('&', 'integer'), ('~~', 'boolean'), ('!~~', 'boolean')) AS v(name, gives) LOOP
    FOREACH l IN ARRAY types LOOP
      FOREACH r IN ARRAY types LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_operator WHERE oprname = o.name AND oprleft = l::regtype::oid AND oprright = r::regtype::oid);
        made := made + 1;
        gives := CASE WHEN o.name = '||' AND l LIKE '%[]' THEN l ELSE o.gives END;
        does := CASE WHEN gives LIKE '%[]' THEN '$1' WHEN gives = 'boolean' OR gives = 'text' THEN format('$1::text %s $2::text', o.name)
          ELSE format('($1::text::numeric %s $2::text::numeric)', CASE o.name WHEN '&' THEN '+' ELSE o.name END) END;
        EXECUTE format('CREATE FUNCTION public.elsewhere_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', made, l, r, gives,
          format('BEGIN INSERT INTO public.ran VALUES (%L); RETURN %s; END', l || ' ' || o.name || ' ' || r, does));
        EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.elsewhere_%s)', o.name, l, r, made);
      END LOOP;
    END LOOP;
  END LOOP;
END $do$`;

let at: Opened;
beforeAll(async () => {
  at = await openRole({ engine: 'PostgreSQL', role: 'legacy' });
  // What another account of the database may do where it may create in public.
  await at.sql('CREATE TABLE public.ran (what text)');
  const note = (what: string) => `INSERT INTO public.ran VALUES ('${what}')`;
  for (const statement of [
    ...['text', 'json', 'bigint', 'integer', 'character varying', 'boolean'].map(
      (type) =>
        `CREATE FUNCTION public.json_build_array(${type}) RETURNS json LANGUAGE plpgsql AS $$ BEGIN ${note('json_build_array')}; RETURN '[]'; END $$`,
    ),
    `CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN ${note('unnest')}; RETURN QUERY SELECT pg_catalog.unnest($1); END $$`,
    `CREATE FUNCTION public.cardinality(text[]) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN ${note('cardinality')}; RETURN pg_catalog.cardinality($1); END $$`,
    `CREATE FUNCTION public.array_ndims(text[]) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN ${note('array_ndims')}; RETURN 1; END $$`,
    `CREATE FUNCTION public.lower(character varying) RETURNS text LANGUAGE plpgsql AS $$ BEGIN ${note('lower')}; RETURN $1; END $$`,
    `CREATE FUNCTION public.octet_length(character varying) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN ${note('octet_length')}; RETURN 1; END $$`,
    `CREATE FUNCTION public.concat_ws(text, text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN ${note('concat_ws')}; RETURN ''; END $$`,
    `CREATE FUNCTION public.hashtext(character varying) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN ${note('hashtext')}; RETURN 1; END $$`,
    `CREATE FUNCTION public.same(character varying, character varying) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN ${note('=')}; RETURN true; END $$`,
    'CREATE OPERATOR public.= (LEFTARG = character varying, RIGHTARG = character varying, FUNCTION = public.same)',
    operatorsElsewhere,
  ])
    await at.sql(statement);
});
afterAll(() => at?.[Symbol.asyncDispose]());
beforeEach(() => at.reset());

const ada = { id: 1, owner: 'Ada', email: 'ada@example.com', balance: '5.00' };
const ran = () => at.sql('SELECT DISTINCT what FROM public.ran');

test("functions and operators of another account's do not run as ours", async () => {
  const { store } = at;
  const place = { region: 'north', number: 1n, label: 'a' };
  await store.prepare();
  for (const given of [ada, { ...ada, id: 2, email: null }])
    await writeOne(store, account, writeOf(account, given));
  await store.write(
    account,
    [3, 4].map((id) => writeOf(account, { ...ada, id, email: null })),
    fence,
  );
  await writeOne(store, slot, writeOf(slot, place));
  const keys = ['1', '2', '3', '9'].map((id) => [id]);
  expect(await store.read(account, keys)).toHaveLength(4);
  expect(await store.values(account, keys)).toHaveLength(4);
  expect(await store.values(account, [['1']])).toHaveLength(1);
  await store.missingKeys(account, keys);
  for (const entity of [account, slot]) {
    await store.digests(entity, [{ lower: null, upper: null }]);
    await store.rowDigests(entity, { lower: null, upper: null });
    await store.keys(entity, { after: null, upTo: null, limit: 10 });
    await store.boundaries(entity, 2);
    await store.capture(entity, true);
  }
  await at.sql("INSERT INTO accounts (id, owner, balance) VALUES (10, 'x', 1.00)");
  await at.sql("UPDATE slots SET label = 'b'");
  expect(await store.captured(10)).toHaveLength(2);
  await store.settings();
  await store.journal({ migration: fence.migration, limit: 10 });
  await store.journalBacklog(fence.migration);
  await store.prune(fence.migration, { olderThanMs: 0, limit: 1 });
  await store.missingRights('worker');
  await store.grants('prepare', 'somebody');
  await store.grants('decommission', 'somebody');
  await store.tableUse();
  const { sql, parameters } = await store.touchStatement(account, {
    keys,
    version: '100',
    id: operationId(),
    fence,
    mayBeSilent: false,
  });
  const service = new Client({ connectionString: at.url });
  await service.connect();
  await service.query('BEGIN');
  await service.query(sql, [...parameters]);
  await service.query('COMMIT');
  await service.end();
  expect(await ran()).toEqual([]);
});

test('a path of the role, the database or the URL leads to no other table', async () => {
  const database = new URL(at.url).pathname.slice(1);
  await at.sql('CREATE SCHEMA elsewhere');
  await at.sql('CREATE TABLE elsewhere.accounts (LIKE public.accounts INCLUDING ALL)');
  await at.sql(`ALTER DATABASE ${database} SET search_path = elsewhere, public`);
  try {
    const url = `${at.url}?options=${encodeURIComponent('-c search_path=elsewhere')}`;
    for (const store of [at.open(), at.open({ url })]) await store.prepare();
    await writeOne(at.open({ url }), account, writeOf(account, ada));
    expect(await at.sql('SELECT id FROM public.accounts')).toEqual([{ id: '1' }]);
    expect(await at.sql('SELECT id FROM elsewhere.accounts')).toEqual([]);
  } finally {
    await at.sql(`ALTER DATABASE ${database} RESET search_path`);
    await at.sql('DROP SCHEMA elsewhere CASCADE');
  }
});

const measure = entity({
  name: 'measure',
  schema: z.strictObject({ id: z.number(), level: z.number() }),
  fields: { id: field.integer(), level: field.integer() },
  key: 'id',
  legacy: table('App.measures'),
  modern: table('App.measures'),
});

test('a trigger finds what lies in the schema of a declared table, and a table without a schema stays the one in public', async () => {
  for (const statement of [
    'CREATE SCHEMA "App"',
    'CREATE TABLE "App".measures (id integer PRIMARY KEY, level integer NOT NULL)',
    'CREATE TABLE "App".audit (id integer)',
    'CREATE TABLE "App".accounts (LIKE public.accounts INCLUDING ALL)',
    `CREATE FUNCTION "App".note() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END $$`,
    'CREATE TRIGGER note AFTER INSERT ON "App".measures FOR EACH ROW EXECUTE FUNCTION "App".note()',
  ])
    await at.sql(statement);
  try {
    const store = at.open({ entities: [measure, account] });
    await store.prepare();
    await writeOne(store, measure, writeOf(measure, { id: 1, level: 2 }));
    await writeOne(store, account, writeOf(account, ada));
    expect(await at.sql('SELECT id FROM "App".audit')).toEqual([{ id: '1' }]);
    expect(await at.sql('SELECT id FROM public.accounts')).toEqual([{ id: '1' }]);
    expect(await at.sql('SELECT id FROM "App".accounts')).toEqual([]);
  } finally {
    await at.sql('DROP SCHEMA "App" CASCADE');
  }
});

test.each([
  [['accounts'], 'pg_catalog, "public", pg_temp'],
  [['app.accounts', 'app.lines', 'Shop.rows'], 'pg_catalog, "app", "Shop", "public", pg_temp'],
  [['app.accounts', 'lines'], 'pg_catalog, "public", "app", pg_temp'],
  [['a"b.accounts', 'pg_catalog.rows'], 'pg_catalog, "a""b", "public", pg_temp'],
])('the path for %j', (tables, path) => {
  expect(searchPath(tables)).toBe(path);
});

test('doctor names each schema of the path in which every account may create', async () => {
  await at.sql('CREATE SCHEMA open_to_all');
  await at.sql('GRANT CREATE ON SCHEMA open_to_all TO PUBLIC');
  try {
    const elsewhere = { ...measure, shapes: { ...measure.shapes, legacy: table('open_to_all.measures') } };
    const found = async (store = at.store) =>
      (await store.settings()).find(({ name }) => name === 'schemas of the path')?.value;
    expect(await found()).toBe('not every account may create in them');
    expect(await found(at.open({ entities: [elsewhere as never] }))).toContain(
      'REVOKE CREATE ON SCHEMA open_to_all FROM PUBLIC',
    );
  } finally {
    await at.sql('DROP SCHEMA open_to_all');
  }
});
