import type { Store, Stores } from '../../databases/contract/store.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import { openStores } from '../../databases/open.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { imageOf } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { type Caller, caller } from '../../test/databases/caller.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';
import { connecting, createDatabasesOn, inRoles } from '../../test/support/databases.ts';
import { wholeWrite } from '../../test/support/whole-write.ts';
import type { Named } from './entities.ts';

export type From = 'mysql' | 'postgresql';

export const fence = { migration: 'names', epoch: 1 };

/** Both stores with the tables of some names, prepared; legacy is the primary. Its engine is the one that the paths are tried at. */
export interface Stage extends AsyncDisposable {
  readonly legacy: Store;
  readonly modern: Store;
  /** Plain SQL beside the stores, for the oracle. */
  readonly sql: Readonly<Record<StoreName, Direct['rows']>>;
  /** A session of an application that knows nothing of Lockstep. */
  readonly application: Caller;
  /** A quoted name, for SQL at a store. */
  readonly quoted: (store: StoreName, name: string) => string;
}

export async function openStage(servers: Servers, from: From, names: readonly Named[]): Promise<Stage> {
  const databases = await createDatabasesOn(servers);
  const release: (() => Promise<unknown>)[] = [() => databases.drop()];
  const leave = async () => {
    for (const releasing of release.splice(0).toReversed()) await releasing();
  };
  try {
    const urls = inRoles(databases, from);
    const connections = { legacy: await direct(urls.legacy), modern: await direct(urls.modern) };
    const application = await caller(urls.legacy);
    release.push(
      () => connections.legacy.end(),
      () => connections.modern.end(),
      async () => await application[Symbol.asyncDispose](),
    );
    const isMysql = (store: StoreName) => (store === 'legacy') === (from === 'mysql');
    const quoted = (store: StoreName, name: string) => (isMysql(store) ? `\`${name}\`` : `"${name}"`);
    for (const store of ['legacy', 'modern'] as const) {
      const text = isMysql(store) ? 'VARCHAR(100)' : 'text';
      await connections[store].rows('CREATE TABLE canary (id integer PRIMARY KEY)');
      await connections[store].rows('INSERT INTO canary VALUES (1)');
      for (const { name, other, tables } of names) {
        const [one, two] = [quoted(store, name), quoted(store, other)];
        const [plain, listed] = tables.map((table) => quoted(store, table));
        await connections[store].rows(`CREATE TABLE ${plain} (${one} integer PRIMARY KEY, ${two} ${text})`);
        await connections[store].rows(
          `CREATE TABLE ${listed} (${one} integer NOT NULL, ${two} ${text} NOT NULL, PRIMARY KEY (${one}, ${two}))`,
        );
      }
    }
    const migration = defineMigration({
      name: fence.migration,
      entities: names.flatMap(({ plain, listed }) => [plain, listed]),
      deadline: '2100-01-01T00:00:00Z',
    });
    const stores: Stores = openStores(migration, connecting(urls, servers));
    release.push(
      () => stores.legacy.close(),
      () => stores.modern.close(),
    );
    for (const store of [stores.legacy, stores.modern]) {
      await store.prepare();
      await store.writeState({
        migration: migration.name,
        phase: 'dual-write',
        epoch: fence.epoch,
        changeNumber: 1,
        open: true,
        readPercent: 0,
        writePercent: 0,
      });
    }
    return {
      legacy: stores.legacy,
      modern: stores.modern,
      sql: { legacy: connections.legacy.rows, modern: connections.modern.rows },
      application,
      quoted,
      [Symbol.asyncDispose]: leave,
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

let operations = 0;

/** A write of a whole record by the primary. */
export function replacing(entity: Entity, value: object, given: Partial<WriteItem> = {}): WriteItem {
  const image = imageOf(entity.fields, value, entity.name);
  operations += 1;
  return wholeWrite(entity, image, { operationId: `names-${operations}`, ...given });
}
