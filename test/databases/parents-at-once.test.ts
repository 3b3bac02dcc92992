import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../../databases/contract/store.ts';
import type { ParentCheck } from '../../databases/engine/bulk-engine.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import { RollBack, type Session } from '../../databases/engine/session.ts';
import { entity } from '../../model/entity.ts';
import { field, imageOf } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import type { Direct } from './direct.ts';
import {
  accessOver,
  fence,
  migrationName,
  type Opened,
  openEngineAs,
  openRole,
  unavailableReason,
} from './engine-roles.ts';
import { testedServers } from './tested-servers.ts';

interface Node {
  id: number;
  parent: number | null;
  place: number | null;
  code: string | null;
}
const node = entity({
  name: 'node',
  schema: z.custom<Node>(),
  fields: { id: field.integer(), parent: field.integer(), place: field.integer(), code: field.text() },
  key: 'id',
  legacy: table('tree.nodes'),
  modern: table('tree.nodes'),
});
const tables = [
  'CREATE SCHEMA tree',
  'CREATE TABLE tree.places (id integer PRIMARY KEY, name text)',
  `CREATE TABLE tree.nodes (id integer PRIMARY KEY, parent integer REFERENCES tree.nodes,
     place integer REFERENCES tree.places, code varchar(5))`,
  'CREATE TABLE tree.listed (id integer PRIMARY KEY, parent integer REFERENCES tree.listed, tags text[])',
];
/** Its lists are no texts that a bulk load takes as they are. */
const listed = entity({
  name: 'listed',
  schema: z.custom<{ id: number; parent: number | null; tags: string[] }>(),
  fields: { id: field.integer(), parent: field.integer(), tags: field.json() },
  key: 'id',
  legacy: table('tree.listed'),
  modern: table('tree.listed'),
});

/** What the database is under, what it does with rows then, and whether that can be checked at once all the same. */
interface Condition {
  readonly where: string;
  readonly change: readonly string[];
  readonly undo: readonly string[];
  readonly rows: readonly Node[];
  readonly result: object;
  /** Default: the account that may do everything. */
  readonly as?: 'worker';
  readonly atOnce?: number;
}

const row = (
  id: number,
  parent: number | null = null,
  place: number | null = null,
  code: string | null = null,
): Node => ({
  id,
  parent,
  place,
  code,
});
const counting = [
  `CREATE FUNCTION tree.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE tree.places SET name = NEW.id; RETURN NEW; END'`,
  'CREATE TRIGGER noting AFTER INSERT ON tree.nodes FOR EACH ROW EXECUTE FUNCTION tree.noted()',
];
const uncounting = ['DROP FUNCTION tree.noted() CASCADE'];
/** Equality of the last digit. */
const digits = [
  `CREATE FUNCTION tree.same(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 % 10 OPERATOR(pg_catalog.=) $2 % 10'`,
  `CREATE FUNCTION tree.less(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 % 10 OPERATOR(pg_catalog.<) $2 % 10'`,
  `CREATE FUNCTION tree.most(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 % 10 OPERATOR(pg_catalog.<=) $2 % 10'`,
  `CREATE FUNCTION tree.compared(integer, integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.btint4cmp($1 % 10, $2 % 10)'`,
  'CREATE OPERATOR tree.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = tree.same, COMMUTATOR = OPERATOR(tree.=))',
  'CREATE OPERATOR tree.< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = tree.less)',
  'CREATE OPERATOR tree.<= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = tree.most)',
  'CREATE OPERATOR tree.> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = tree.less)',
  'CREATE OPERATOR tree.>= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = tree.most)',
  `CREATE OPERATOR CLASS tree.digits FOR TYPE integer USING btree AS OPERATOR 1 tree.<, OPERATOR 2 tree.<=, OPERATOR 3 tree.=,
     OPERATOR 4 tree.>=, OPERATOR 5 tree.>, FUNCTION 1 tree.compared(integer, integer)`,
];
/** Another table that the nodes refer to, made of a list of columns. */
const other = (made: string, key: string, rows: string, more = '') => [
  `CREATE TABLE tree.others ${made}`,
  ...(more ? [more] : []),
  `INSERT INTO tree.others VALUES ${rows}`,
  `ALTER TABLE tree.nodes ADD CONSTRAINT referring ${key}`,
];
const without = [
  'ALTER TABLE tree.nodes DROP CONSTRAINT IF EXISTS referring',
  'DROP TABLE tree.others CASCADE',
];
const codes = ['FOREIGN KEY (code) REFERENCES tree.others (code)', `('a'), ('b"\\{,}')`] as const;

const conditions: readonly Condition[] = [
  {
    where: 'a trigger would not fire',
    change: counting,
    undo: uncounting,
    rows: [row(1), row(2, 1)],
    result: { copied: 2, names: ['2', '2'] },
  },
  {
    where: 'a trigger would fire that is for replication',
    change: [...counting, 'ALTER TABLE tree.nodes ENABLE REPLICA TRIGGER noting'],
    undo: uncounting,
    rows: [row(1), row(2, 1)],
    result: { copied: 2, names: [null, null] },
  },
  {
    where: 'a unique key can be put off',
    change: ['ALTER TABLE tree.nodes ADD CONSTRAINT referring UNIQUE (place) DEFERRABLE'],
    undo: ['ALTER TABLE tree.nodes DROP CONSTRAINT referring'],
    rows: [row(1, null, 1), row(2, null, 1)],
    result: { status: 'rejected', positions: [1] },
  },
  {
    where: 'the checks are switched off',
    change: ['ALTER TABLE tree.nodes DISABLE TRIGGER ALL'],
    undo: ['ALTER TABLE tree.nodes ENABLE TRIGGER ALL'],
    rows: [row(1, 9)],
    result: { copied: 1 },
  },
  {
    where: 'sessions have checks switched off',
    change: [
      `DO $$ BEGIN EXECUTE 'ALTER DATABASE "' || current_database() || '" SET session_replication_role = replica'; END $$`,
    ],
    undo: [
      `DO $$ BEGIN EXECUTE 'ALTER DATABASE "' || current_database() || '" RESET session_replication_role'; END $$`,
    ],
    rows: [row(1, 9)],
    result: { copied: 1 },
  },
  {
    where: 'a key must be null as a whole',
    change: other(
      '(a integer, b integer, PRIMARY KEY (a, b))',
      'FOREIGN KEY (parent, place) REFERENCES tree.others MATCH FULL',
      '(1, 1)',
    ),
    undo: without,
    rows: [row(1, null, 1)],
    result: { status: 'rejected', positions: [0] },
  },
  {
    where: 'a key has several columns',
    change: other(
      '(a integer, b integer, PRIMARY KEY (b, a))',
      'FOREIGN KEY (parent, place) REFERENCES tree.others (a, b)',
      '(1, 1)',
    ),
    undo: without,
    rows: [row(1, null, 1), row(2, 1, 1), row(3, 1, 2), row(4, 2)],
    result: { copied: 3, waiting: 1 },
    atOnce: 3,
  },
  {
    where: 'a key refers to another type',
    change: other('(id bigint PRIMARY KEY)', 'FOREIGN KEY (place) REFERENCES tree.others (id)', '(1)'),
    undo: without,
    rows: [row(1, null, 1), row(2, null, 2)],
    result: { copied: 1, waiting: 1 },
  },
  {
    where: 'a key refers to another length',
    change: other('(code varchar(9) PRIMARY KEY)', ...codes),
    undo: without,
    rows: [row(1, null, null, 'a'), row(2, null, null, 'c')],
    result: { copied: 1, waiting: 1 },
  },
  {
    where: 'a key holds any text',
    change: other('(code varchar(5) PRIMARY KEY)', codes[0], `('a'), ('"\\{,}'), ('NULL'), ('')`),
    undo: without,
    rows: ['"\\{,}', 'NULL', '', 'a', null, 'null'].map((code, at) => row(at, null, null, code)),
    result: { copied: 5, waiting: 1 },
    atOnce: 3,
  },
  {
    where: 'a key has an equality of its own',
    change: [
      ...digits,
      ...other(
        '(id integer NOT NULL)',
        'FOREIGN KEY (place) REFERENCES tree.others (id)',
        '(1)',
        'CREATE UNIQUE INDEX ON tree.others (id tree.digits)',
      ),
      'INSERT INTO tree.places VALUES (11)',
    ],
    undo: [
      ...without,
      'DROP FUNCTION tree.same, tree.less, tree.most, tree.compared CASCADE',
      'DROP OPERATOR FAMILY tree.digits USING btree CASCADE',
    ],
    rows: [row(1, null, 11)],
    result: { copied: 1 },
  },
  {
    where: 'a key can be put off',
    change: ['ALTER TABLE tree.nodes ALTER CONSTRAINT nodes_place_fkey DEFERRABLE INITIALLY DEFERRED'],
    undo: ['ALTER TABLE tree.nodes ALTER CONSTRAINT nodes_place_fkey NOT DEFERRABLE'],
    rows: [row(1, null, 1), row(2, null, 9)],
    result: { copied: 1, waiting: 1 },
    atOnce: 2,
  },
  {
    where: 'a page lacks a column of a key',
    change: ['ALTER TABLE tree.nodes ADD COLUMN area integer DEFAULT 9 REFERENCES tree.places'],
    undo: ['ALTER TABLE tree.nodes DROP COLUMN area'],
    rows: [row(1)],
    result: { status: 'rejected', positions: [0] },
  },
  {
    where: 'a place lies in a table that inherits',
    change: ['CREATE TABLE tree.more () INHERITS (tree.places)', 'INSERT INTO tree.more VALUES (9)'],
    undo: ['DROP TABLE tree.more'],
    rows: [row(1, null, 9)],
    result: { status: 'rejected', positions: [0] },
    atOnce: 2,
  },
  {
    where: 'what is referred to has partitions',
    change: other(
      '(id integer PRIMARY KEY) PARTITION BY RANGE (id)',
      'FOREIGN KEY (place) REFERENCES tree.others',
      '(1)',
      'CREATE TABLE tree.part PARTITION OF tree.others DEFAULT',
    ),
    undo: without,
    rows: [row(1, null, 1)],
    result: { copied: 1 },
  },
  {
    where: 'the table has partitions',
    change: [
      'ALTER TABLE tree.nodes RENAME TO aside',
      'CREATE TABLE tree.nodes (id integer PRIMARY KEY, parent integer, place integer REFERENCES tree.places, code varchar(5)) PARTITION BY RANGE (id)',
      'CREATE TABLE tree.part PARTITION OF tree.nodes DEFAULT',
      ...counting.map((statement) => statement.replace('ON tree.nodes', 'ON tree.part')),
    ],
    undo: [...uncounting, 'DROP TABLE tree.nodes', 'ALTER TABLE tree.aside RENAME TO nodes'],
    rows: [row(1, null, 1)],
    result: { copied: 1, names: ['1', '1'] },
  },
  {
    where: 'the account may not see each row',
    change: ['ALTER TABLE tree.places ENABLE ROW LEVEL SECURITY'],
    undo: ['ALTER TABLE tree.places DISABLE ROW LEVEL SECURITY'],
    rows: [row(1, null, 1)],
    result: { copied: 1 },
    as: 'worker',
  },
  {
    where: 'the account may not lock places',
    change: ['REVOKE UPDATE ON tree.places FROM WORKER'],
    undo: ['GRANT UPDATE ON tree.places TO WORKER'],
    rows: [row(1, null, 1)],
    result: { copied: 1 },
    as: 'worker',
  },
  {
    where: 'the account may not read places',
    change: ['REVOKE SELECT ON tree.places FROM WORKER'],
    undo: ['GRANT SELECT ON tree.places TO WORKER'],
    rows: [row(1, null, 1)],
    result: { copied: 1 },
    as: 'worker',
  },
  {
    where: 'the account may not lock the table',
    change: [
      'ALTER TABLE tree.nodes DROP CONSTRAINT nodes_parent_fkey',
      'REVOKE UPDATE, DELETE ON tree.nodes FROM WORKER',
    ],
    undo: [
      'GRANT UPDATE, DELETE ON tree.nodes TO WORKER',
      'ALTER TABLE tree.nodes DROP CONSTRAINT nodes_place_fkey',
      'ALTER TABLE tree.nodes ADD FOREIGN KEY (parent) REFERENCES tree.nodes, ADD FOREIGN KEY (place) REFERENCES tree.places',
    ],
    rows: [row(1, null, 1)],
    result: { copied: 1 },
    as: 'worker',
  },
];

const right = 'SET ON PARAMETER session_replication_role';
const servers = testedServers.filter(({ engine }) => engine === 'PostgreSQL');

describe.each(servers)('the parents of a page at $title', (server) => {
  let at: Opened;
  let unavailable: string | null = null;
  /** As an account with nothing but the rights of a worker, beside one that may do everything. */
  let worker: { name: string; url: string; store: Store; engine: Engine };
  let engine: Engine;

  beforeAll(async () => {
    const engineRole = {
      engine: server.engine,
      role: 'modern' as const,
      ...(server.server ? { server: server.server } : {}),
    };
    unavailable = await unavailableReason(engineRole);
    if (unavailable !== null) return;
    at = await openRole(engineRole, { onlyTables: tables, entities: [node] });
    engine = openEngineAs('modern', at.url);
    const url = new URL(at.url);
    const name = `${url.pathname.slice(1)}_loader`;
    await at.sql(`CREATE ROLE "${name}" LOGIN PASSWORD 'invented'`);
    for (const statement of await at.store.grants('worker', name)) await at.sql(statement);
    await at.sql(`GRANT SELECT, UPDATE ON tree.places TO "${name}"`);
    url.username = name;
    url.password = 'invented';
    worker = {
      name,
      url: url.href,
      store: at.open({ url: url.href }),
      engine: openEngineAs('modern', url.href),
    };
  });
  afterAll(async () => {
    await engine?.close();
    await worker?.engine.close();
    if (worker) {
      await at.sql(`DROP OWNED BY "${worker.name}"`);
      await at.sql(`DROP ROLE "${worker.name}"`);
    }
    await at?.[Symbol.asyncDispose]();
  });
  beforeEach(async ({ skip }) => {
    if (unavailable !== null) skip(unavailable);
    await at.reset();
    await at.asSecondary();
    await at.sql('TRUNCATE tree.nodes, tree.places CASCADE');
    await at.sql('INSERT INTO tree.places VALUES (1), (2)');
    await at.store.planChunks(migrationName, 'node', []);
  });

  async function load(rows: readonly Node[], store: Store = at.store) {
    const [from] = await at.store.chunks(migrationName, 'node');
    if (!from) throw new Error('a range was planned');
    const records = rows.map((value) => ({
      key: [String(value.id)],
      image: imageOf(node.fields, value, 'node'),
    }));
    const { page } = (await store.pageTarget(node)).pageOf(records);
    return await store.loadPage(
      node,
      {
        page,
        except: [],
        leftover: { items: [], unreadable: [], lossy: [] },
        from,
        next: { cursor: records.at(-1)?.key ?? null, done: false },
        checkExisting: false,
        checkParents: false,
      },
      fence,
    );
  }

  const there = async () =>
    (await at.sql('SELECT id FROM tree.nodes ORDER BY id')).map(({ id }) => Number(id));
  const orphans = () =>
    at.sql(`SELECT n.id FROM tree.nodes n LEFT JOIN tree.nodes p ON p.id = n.parent LEFT JOIN tree.places l ON l.id = n.place
      WHERE (n.parent IS NOT NULL AND p.id IS NULL) OR (n.place IS NOT NULL AND l.id IS NULL)`);

  /** Whether an account checks them at once, in a transaction of which nothing is kept. */
  async function checks(by = engine): Promise<readonly ParentCheck[] | null> {
    let found: readonly ParentCheck[] | null = null;
    await inside(by, async (session, table) => {
      found = await by.bulk.parentChecks(session, table);
    });
    return found;
  }

  async function inside(
    by: Engine,
    work: (session: Session, table: Parameters<Engine['bulk']['parentChecks']>[1]) => Promise<void>,
  ): Promise<void> {
    const { root } = await accessOver('modern', by).bind(node);
    class Over extends RollBack {}
    await by
      .transaction(async (session) => {
        await work(session, root);
        throw new Over();
      })
      .catch((error: unknown) => {
        if (!(error instanceof Over)) throw error;
      });
  }

  /** Changes the database for a while. */
  async function under(
    change: readonly string[],
    undo: readonly string[],
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      for (const statement of change) await at.sql(statement);
      await work();
    } finally {
      await at.sql('TRUNCATE tree.nodes, tree.places CASCADE');
      for (const statement of undo) await at.sql(statement);
    }
  }

  test('are checked at once by an account that may, and by the server for any other', async () => {
    const found = (await checks())?.map(({ columns, own }) => ({ columns, own }));
    expect(found?.toSorted((one, other) => (one.columns < other.columns ? -1 : 1))).toEqual([
      { columns: ['parent'], own: ['id'] },
      { columns: ['place'], own: null },
    ]);
    expect(await checks(worker.engine)).toBeNull();
    const told = async (store: Store) => (await store.settings()).find(({ name }) => name === 'foreign keys');
    const remedy = `GRANT ${right} TO ${worker.name}`;
    expect(await worker.store.slowLoadReason()).toContain(
      `foreign keys of tree.nodes: parents are looked for row by row; ${remedy}`,
    );
    expect(await told(worker.store)).toMatchObject({ value: expect.stringContaining(remedy), problem: null });
    await under(
      [`GRANT ${right} TO "${worker.name}"`],
      [`REVOKE ${right} FROM "${worker.name}"`],
      async () => {
        expect(await checks(worker.engine)).toHaveLength(2);
        expect(await worker.store.slowLoadReason()).toBeNull();
        expect(await told(worker.store)).toMatchObject({
          value: expect.stringContaining('at once'),
          problem: null,
        });
        expect(await load([row(1, null, 1), row(2, 1), row(3, 4)], worker.store)).toMatchObject({
          copied: 2,
          waiting: 1,
        });
      },
    );
  });

  test('that are not there keep rows out, with all that lean on them', async () => {
    const rows = [row(1), row(2, 9), row(3, 2), row(4, 1, 2), row(5, 1, 3), row(6, 6)];
    for (const store of [at.store, worker.store]) {
      await at.sql('TRUNCATE tree.nodes');
      await at.store.clearChunks(migrationName, null);
      await at.store.planChunks(migrationName, 'node', []);
      expect(await load(rows, store)).toMatchObject({
        status: 'committed',
        copied: 3,
        waiting: 3,
        refused: 0,
      });
      expect(await there()).toEqual([1, 4, 6]);
    }
    expect(await orphans()).toEqual([]);
  });

  test('stay until the page is committed: who deletes one is refused then', async () => {
    await at.sql('INSERT INTO tree.nodes VALUES (1)');
    const blocker = await held('UPDATE tree.places SET id = 20 WHERE id = 2');
    const watcher = await at.another();
    const deleter = await at.another();
    const loading = load([row(2, 1, 2)]);
    await watcher.waiting(1);
    const deleting = deleter.rows('DELETE FROM tree.nodes WHERE id = 1').catch((error: Error) => error);
    await watcher.waiting(2);
    await blocker.rows('ROLLBACK');
    expect(await loading).toMatchObject({ status: 'committed', copied: 1 });
    expect(await deleting).toMatchObject({ code: '23503' });
    expect(await there()).toEqual([1, 2]);
    expect(await orphans()).toEqual([]);
  });

  test.each([
    ['is deleted', 'DELETE FROM tree.places WHERE id = 2'],
    ['gets another key', 'UPDATE tree.places SET id = 20 WHERE id = 2'],
  ])('are waited for where one %s, and their rows wait for it', async (_, change) => {
    const watcher = await at.another();
    const blocker = await held(change);
    const loading = load([row(1), row(2, 1, 2), row(3, 1, 1)]);
    await watcher.waiting(1);
    await blocker.rows('COMMIT');
    expect(await loading).toMatchObject({ status: 'committed', copied: 2, waiting: 1 });
    expect(await there()).toEqual([1, 3]);
    expect(await orphans()).toEqual([]);
  });

  test('are waited for, and there, where they are not deleted in the end', async () => {
    const watcher = await at.another();
    const blocker = await held('DELETE FROM tree.places WHERE id = 2');
    const loading = load([row(1, 1, 2)]);
    await watcher.waiting(1);
    await blocker.rows('ROLLBACK');
    expect(await loading).toMatchObject({ status: 'committed', copied: 1, waiting: 0 });
  });

  test('may be changed meanwhile in what nobody refers to', async () => {
    const blocker = await held(`UPDATE tree.places SET name = 'other' WHERE id = 2`);
    expect(await load([row(1, 1, 2)])).toMatchObject({ status: 'committed', copied: 1, waiting: 0 });
    await blocker.rows('COMMIT');
  });

  async function held(change: string): Promise<Direct> {
    const blocker = await at.another();
    await blocker.rows('BEGIN');
    await blocker.rows(change);
    return blocker;
  }

  test('that are not committed are not there', async () => {
    const blocker = await held('INSERT INTO tree.places VALUES (3)');
    expect(await load([row(1, null, 3)])).toMatchObject({ copied: 0, waiting: 1 });
    await blocker.rows('COMMIT');
  });

  test('are looked for with what the table itself fires, which cannot change meanwhile', async () => {
    const watcher = await at.another();
    const other = await at.another();
    await at.sql(
      `CREATE FUNCTION tree.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
    );
    let making: Promise<unknown> = Promise.resolve();
    await inside(engine, async (session, table) => {
      expect(await engine.bulk.parentChecks(session, table)).not.toBeNull();
      making = other.rows(
        'CREATE TRIGGER late BEFORE INSERT ON tree.nodes FOR EACH ROW EXECUTE FUNCTION tree.nothing()',
      );
      let isMade = false;
      const made = making.then(() => {
        isMade = true;
      });
      await Promise.race([watcher.waiting(1), made]);
      expect(isMade).toBe(false);
    });
    await making;
    expect(await checks()).toBeNull();
    await at.sql('DROP FUNCTION tree.nothing() CASCADE');
  });

  test.each(conditions)('are looked for as the server does where $where', async (condition) => {
    const { change, undo, rows, result, as, atOnce } = condition;
    const named = (statements: readonly string[]) =>
      statements.map((one) => one.replace(/WORKER$/, `"${worker.name}"`));
    await under(
      named([...change, `GRANT ${right} TO WORKER`]),
      named([`REVOKE ${right} FROM WORKER`, ...undo]),
      async () => {
        // What foreign keys a table has is read once.
        const url = as === 'worker' ? worker.url : at.url;
        const fresh = openEngineAs('modern', url);
        const store = at.open({ url });
        const loaded = await load(rows, store);
        const names = await at.sql('SELECT name FROM tree.places WHERE id < 3 ORDER BY id');
        expect({ ...loaded, names: names.map(({ name }) => name) }).toMatchObject(result);
        const found = await checks(as === 'worker' ? worker.engine : (fresh ?? engine));
        await fresh?.close();
        expect(found?.length).toBe(atOnce);
      },
    );
  });

  test('are left to the server where a page is not loaded as it is', async () => {
    const bound = await accessOver('modern', engine).bind(listed);
    expect(await engine.transaction((session) => engine.bulk.parentChecks(session, bound.root))).toBeNull();
  });
});
