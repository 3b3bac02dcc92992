import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import type { Store } from '../../databases/contract/store.ts';
import type { Fence, Outcome, StoredRecord, WriteItem } from '../../databases/contract/write.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import { openEngine, openStore } from '../../databases/open.ts';
import { StoreContext } from '../../databases/sql/context.ts';
import type { FurtherName } from '../../deploy/dev/servers.ts';
import type { Key } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { imageOf, sharedRecords } from '../../model/field.ts';
import { defineMigration, type Migration, type StoreOptions } from '../../model/migration.ts';
import { account } from '../support/accounts.ts';
import { createDatabaseOn } from '../support/databases.ts';
import { furtherServer, servers } from '../support/servers.ts';
import { wholeWrite } from '../support/whole-write.ts';
import { type Direct, direct } from './direct.ts';
import { invoice, slot, specimen } from './entities.ts';
import { type tables, tablesAt } from './tables.ts';
import { testedServers } from './tested-servers.ts';

export interface EngineRole {
  /** Whose SQL it speaks. */
  engine: keyof typeof tables;
  role: StoreName;
  /** Default: the one that the test run has started for the engine. */
  server?: FurtherName;
}

/** Each engine in each role, on each of its servers. */
export const engineRoles = testedServers.flatMap((at) => [
  { ...at, role: 'legacy' as const },
  { ...at, role: 'modern' as const },
]);

/** Those that refer to others come first. */
const testTables = [
  'specimens',
  'accounts',
  'slots',
  'invoice_rows',
  'invoice_lines',
  'invoices',
  'customers',
] as const;
const controlTables = [
  'records',
  'operations',
  'chunks',
  'differences',
  'decisions',
  'captured',
  'state',
] as const;

export const migrationName = 'move';
export const fence: Fence = { migration: migrationName, epoch: 1 };

export interface Opened extends AsyncDisposable {
  engineRole: EngineRole;
  store: Store;
  url: string;
  /** Looks at the database around the store. */
  sql: Direct['rows'];
  /** Another connection, closed with the store. */
  another(): Promise<Direct>;
  /** Another store on the same database, closed with it. */
  open(options?: OpenOptions): Store;
  /** Back to no rows, in the test entities' tables and the control tables, and primary at epoch 1. */
  reset(): Promise<void>;
  asPrimary(epoch?: number): Promise<void>;
  asSecondary(epoch?: number): Promise<void>;
  /** The number of the next change of the route. */
  nextChange(): number;
  /** The rows of a control table. */
  control(table: 'records' | 'operations' | 'chunks', where?: string): ReturnType<Direct['rows']>;
}

export interface OpenOptions {
  entities?: readonly Entity[];
  options?: Partial<StoreOptions>;
  url?: string;
  /** Beside those of the test entities. */
  tables?: readonly string[];
  /** Instead of them. */
  onlyTables?: readonly string[];
}

let leastRights = false;

/** From now on stores are opened as an account with nothing but the rights that a worker is said to need. */
export function withLeastRights(): void {
  leastRights = true;
}

async function workerOf(store: Store, url: string, sql: Direct['rows']) {
  const given = new URL(url);
  given.username = `${given.pathname.slice(-12)}_worker`;
  given.password = 'invented';
  const isPostgresql = store.engine === 'postgresql';
  const subject = isPostgresql ? `"${given.username}"` : `'${given.username}'@'127.0.0.1'`;
  await sql(
    isPostgresql
      ? `CREATE ROLE ${subject} LOGIN PASSWORD 'invented'`
      : `CREATE USER ${subject} IDENTIFIED BY 'invented'`,
  );
  const name = isPostgresql ? given.username : `${given.username}@127.0.0.1`;
  for (const statement of await store.grants('worker', name)) await sql(statement);
  return {
    url: given.href,
    async drop() {
      if (isPostgresql) await sql(`DROP OWNED BY ${subject}`);
      await sql(`DROP ${isPostgresql ? 'ROLE' : 'USER'} ${subject}`);
    },
  };
}

/** A fresh database with its tables, prepared, and primary of its migration at epoch 1. */
export async function openRole(engineRole: EngineRole, options: OpenOptions = {}): Promise<Opened> {
  const { url, drop } = await createDatabaseFor(engineRole);
  const connection = await direct(url);
  const closing: (() => Promise<void>)[] = [() => connection.end()];
  const own = tablesAt(engineRole.engine, engineRole.server ?? '');
  const statements = options.onlyTables ?? [...own, ...(options.tables ?? [])];
  for (const statement of statements) await connection.rows(statement);
  let account = url;
  const open = (given: OpenOptions = {}) => {
    const store = openStoreAs(engineRole.role, { url: account, ...options, ...given });
    closing.push(() => store.close());
    return store;
  };
  const preparing = open();
  await preparing.prepare();
  if (leastRights) {
    const worker = await workerOf(preparing, url, connection.rows);
    account = worker.url;
    closing.push(worker.drop);
  }
  const store = leastRights ? open() : preparing;
  // Each is a change of its own: tests go back and forth within one epoch.
  let changeNumber = 0;
  const nextChange = () => ++changeNumber;
  const route = (primary: StoreName, epoch: number) =>
    store.writeState({
      migration: migrationName,
      phase: primary === 'legacy' ? 'dual-write' : 'switch-primary',
      epoch,
      changeNumber: nextChange(),
      open: true,
      readPercent: 0,
      writePercent: 0,
    });
  await route(engineRole.role, 1);
  const control = engineRole.engine === 'PostgreSQL' ? 'lockstep.' : 'lockstep_';
  return {
    engineRole,
    store,
    url,
    sql: connection.rows,
    async another() {
      const connection = await direct(url);
      closing.push(() => connection.end());
      return connection;
    },
    open,
    async reset() {
      const own = options.onlyTables ? [] : testTables;
      for (const table of [...own, ...controlTables.map((name) => `${control}${name}`)])
        await connection.rows(`DELETE FROM ${table}`);
      await route(engineRole.role, 1);
    },
    control: (table, where = '1 = 1') => connection.rows(`SELECT * FROM ${control}${table} WHERE ${where}`),
    asPrimary: (epoch = 1) => route(engineRole.role, epoch),
    asSecondary: (epoch = 1) => route(engineRole.role === 'legacy' ? 'modern' : 'legacy', epoch),
    nextChange,
    async [Symbol.asyncDispose]() {
      for (const close of closing.toReversed()) await close();
      await drop();
    },
  };
}

/** Runs the tests that `define` gives for each engine in each role, on a database of their own. */
export function forEachEngineRole(
  subject: string,
  define: (at: () => Opened, engineRole: EngineRole) => void,
  options: OpenOptions = {},
): void {
  describe.each(engineRoles)(`${subject} at $title as $role`, (engineRole) => {
    let opened: Opened | undefined;
    let unavailable: string | null = null;
    beforeAll(async () => {
      unavailable = await unavailableReason(engineRole);
      if (unavailable === null) opened = await openRole(engineRole, options);
    });
    afterAll(() => opened?.[Symbol.asyncDispose]());
    beforeEach(({ skip }) => {
      if (unavailable !== null) skip(unavailable);
      return opened?.reset();
    });
    define(() => {
      if (opened) return opened;
      throw new Error('the store is open within its tests only');
    }, engineRole);
  });
}

export function openStoreAs(role: StoreName, options: OpenOptions): Store {
  return openStore(migrationFor(role, options), role, { URL: options.url });
}

export function openEngineAs(role: StoreName, url: string): Engine {
  return openEngine(migrationFor(role, {}), role, { URL: url });
}

/** The statements that make an entity's routines. */
export async function routinesOf(role: StoreName, url: string, entity: Entity): Promise<readonly string[]> {
  const engine = openEngineAs(role, url);
  try {
    return engine.routineStatements(await accessOver(role, engine).bind(entity));
  } finally {
    await engine.close();
  }
}

/** What the parts of a store work with, for tests of one part. */
export function accessOver(role: StoreName, engine: Engine): StoreContext {
  return new StoreContext(role, engine, migrationFor(role, {}));
}

function migrationFor(role: StoreName, { entities, options }: OpenOptions): Migration {
  return defineMigration({
    name: migrationName,
    entities: entities ?? [specimen, account, slot, invoice],
    deadline: '2100-01-01T00:00:00Z',
    [role]: { poolSize: 8, urlFrom: 'URL', ...options },
  });
}

/** Why this machine cannot have the server; null where it can. */
export async function unavailableReason({ server }: Pick<EngineRole, 'server'>): Promise<string | null> {
  const found = server && (await furtherServer(server));
  return found && 'unavailable' in found ? found.unavailable : null;
}

async function createDatabaseFor({ engine, server }: Omit<EngineRole, 'role'>) {
  if (server === undefined)
    return await createDatabaseOn(engine === 'PostgreSQL' ? servers().postgresql.url : servers().mysql.url);
  const found = await furtherServer(server);
  if ('unavailable' in found) throw new Error(found.unavailable);
  return await createDatabaseOn(found.url);
}

/** The first page of an entity's rows, read in one place for another, and the chunk that it belongs to there. */
export async function firstPage(
  { store: source }: Pick<Opened, 'store'>,
  { store: target }: Pick<Opened, 'store'>,
  entity: Entity,
) {
  await target.planChunks(migrationName, entity.name, []);
  const [from] = await target.chunks(migrationName, entity.name);
  const range = { after: null, upTo: null, limit: 10 };
  const read = await source.readPage(entity, await target.pageTarget(entity), range);
  if (!from || !read) throw new Error('a column map has a chunk and pages');
  return { from, read };
}

let operations = 0;

/** A new operation id. */
export function operationId(): string {
  operations += 1;
  return `operation-${operations}`;
}

/** A write of a whole entity, by the primary unless said otherwise. Its shared records come with it. */
export function writeOf<E>(entity: Entity<E>, value: E, given: Partial<WriteItem> = {}): WriteItem {
  const image = imageOf(entity.fields, value, entity.name);
  return wholeWrite(entity, image, {
    operationId: operationId(),
    sharedVersions: sharedRecords(entity.fields, image).map(({ name, key, record }) => ({
      name,
      key,
      version: null,
      digest: digestOf(record),
    })),
    ...given,
  });
}

export function deleteOf(key: Key, given: Partial<WriteItem> = {}): WriteItem {
  return {
    mode: 'primary',
    kind: 'delete',
    key,
    image: null,
    version: '1',
    operationId: operationId(),
    status: 'completed',
    sharedVersions: [],
    ...given,
  };
}

export async function writeOne(
  store: Store,
  entity: Entity,
  item: WriteItem,
  under: Fence = fence,
): Promise<Outcome> {
  const [outcome, ...others] = await store.write(entity, [item], under);
  if (!outcome || others.length > 0) throw new Error('a write of one item has one outcome');
  return outcome;
}

export async function readOne(store: Store, entity: Entity, key: Key): Promise<StoredRecord> {
  const [stored, ...others] = await store.read(entity, [key]);
  if (!stored || others.length > 0) throw new Error('a read of one key has one answer');
  return stored;
}

export function imageFrom<E>(entity: Entity<E>, value: E) {
  return imageOf(entity.fields, value, entity.name);
}
