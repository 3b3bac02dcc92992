import { isDeepStrictEqual } from 'node:util';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import { openTransaction } from '../../client/service/caller-transaction.ts';
import type { ReadPage } from '../../databases/contract/backfill.ts';
import { touchAnswerIn } from '../../databases/contract/touch.ts';
import type { Entity } from '../../model/entity.ts';
import { listOf, type Named, recordOf } from './entities.ts';
import { fence, replacing, type Stage } from './stage.ts';

/** Why a path is wrong for a name; null where it is right. */
type Path = (stage: Stage, named: Named) => Promise<string | null>;

const all = { lower: null, upper: null };

/** In this order: each begins with what those before it have left. */
export const paths: ReadonlyMap<string, Path> = new Map(
  Object.entries({
    write,
    list,
    read,
    several,
    load,
    copy,
    compare,
    find,
    capture,
    touch,
    remove,
    retire,
  } satisfies Record<string, Path>),
);

/** One record by the write routine. */
async function write(stage: Stage, named: Named): Promise<string | null> {
  const [outcome] = await stage.legacy.write(
    named.plain,
    [replacing(named.plain, recordOf(named, 1, 'one'))],
    fence,
  );
  if (outcome?.status !== 'applied') return JSON.stringify(outcome);
  return await holds(stage, 'legacy', named, [['1', 'one']]);
}

/** Several records by sets, one of which is there already. */
async function list(stage: Stage, named: Named): Promise<string | null> {
  const items = ['uno', 'two', 'three'].map((value, at) =>
    replacing(named.plain, recordOf(named, at + 1, value)),
  );
  const outcomes = await stage.legacy.write(named.plain, items, fence);
  if (outcomes.some(({ status }) => status !== 'applied')) return JSON.stringify(outcomes);
  return await holds(stage, 'legacy', named, [
    ['1', 'uno'],
    ['2', 'two'],
    ['3', 'three'],
  ]);
}

/** As an image, and as a program sees it, one and many. */
async function read(stage: Stage, named: Named): Promise<string | null> {
  const [first, second] = named.properties;
  const [image, gone] = await stage.legacy.read(named.plain, [['1'], ['9']]);
  if (!isDeepStrictEqual(image?.image, { [first]: '1', [second]: 'uno' }))
    return `read ${told(image?.image)}`;
  if (gone?.image !== null) return 'read what is not there';
  const [one] = await stage.legacy.values(named.plain, [['1']]);
  const many = await stage.legacy.values(named.plain, [['1'], ['2']]);
  const wanted = [recordOf(named, 1, 'uno'), recordOf(named, 2, 'two')];
  if (!isDeepStrictEqual(one?.value, wanted[0])) return `saw ${told(one)}`;
  const seen = many.map(({ value }) => value);
  return isDeepStrictEqual(seen, wanted) ? null : `saw ${told(seen)}`;
}

/** A record of several rows: written, shortened, read. */
async function several(stage: Stage, named: Named): Promise<string | null> {
  for (const values of [
    ['a', 'b', 'c'],
    ['a', 'd'],
  ]) {
    const item = replacing(named.listed, listOf(1, values));
    const [outcome] = await stage.legacy.write(named.listed, [item], fence);
    if (outcome?.status !== 'applied') return JSON.stringify(outcome);
    const [stored] = await stage.legacy.read(named.listed, [['1']]);
    if (!isDeepStrictEqual(stored?.image, item.image)) return `read ${told(stored)}`;
    const rows = await stage.sql.legacy(rowsSql(stage, 'legacy', named, named.tables[1]));
    if (
      !isDeepStrictEqual(
        rows,
        values.map((v) => ({ k: '1', v })),
      )
    )
      return `has rows ${told(rows)}`;
  }
  const items = [2, 3].map((id) => replacing(named.listed, listOf(id, ['x', 'y'])));
  const outcomes = await stage.legacy.write(named.listed, items, fence);
  return outcomes.every(({ status }) => status === 'applied') ? null : JSON.stringify(outcomes);
}

/** A page of rows to the other store, by its bulk load. */
async function load(stage: Stage, named: Named): Promise<string | null> {
  const { legacy, modern } = stage;
  const into = await modern.pageTarget(named.plain);
  const page = await legacy.readPage(named.plain, into, { after: null, upTo: null, limit: 100 });
  if (!page) return 'no page was read';
  const copied = await loaded(stage, named.plain, page);
  if (copied !== 3) return `${copied} of 3 were copied`;
  return await holds(stage, 'modern', named, [
    ['1', 'uno'],
    ['2', 'two'],
    ['3', 'three'],
  ]);
}

/** Images of records of several rows to the other store. */
async function copy(stage: Stage, named: Named): Promise<string | null> {
  const { legacy, modern } = stage;
  const images = await legacy.readImages(named.listed, { after: null, upTo: null, limit: 100 });
  if (images?.records.length !== 3) return `${told(images?.records)} were read`;
  const { page, notLoadable } = (await modern.pageTarget(named.listed)).pageOf(images.records);
  if (notLoadable.length > 0) return told(notLoadable);
  const copied = await loaded(stage, named.listed, { page, notLoadable: [], last: images.last });
  if (copied !== 3) return `${copied} of 3 were copied`;
  const rows = await stage.sql.modern(rowsSql(stage, 'modern', named, named.tables[1]));
  return rows.length === 6 ? null : `has rows ${told(rows)}`;
}

async function loaded(
  stage: Stage,
  entity: Entity,
  page: Pick<ReadPage, 'page' | 'notLoadable' | 'last'>,
): Promise<number> {
  await stage.modern.planChunks(fence.migration, entity.name, []);
  const [from] = await stage.modern.chunks(fence.migration, entity.name);
  if (!from) throw new TypeError('no chunk is planned');
  const step = { from, next: { cursor: page.last, done: true }, checkExisting: false, checkParents: false };
  const leftover = async () => ({ items: [], unreadable: [], lossy: [] });
  const result = await loadPending(stage.modern, entity, { leftover }, page, step, fence);
  return result.status === 'committed' ? result.copied : 0;
}

/** Digests of both stores, key by key and in one, and images. */
async function compare(stage: Stage, named: Named): Promise<string | null> {
  const { legacy, modern } = stage;
  const [here] = await legacy.digests(named.plain, [all]);
  const [there] = await modern.digests(named.plain, [all]);
  if (here?.digest === null || !isDeepStrictEqual(here, there)) return `digests ${told([here, there])}`;
  const rows = [await legacy.rowDigests(named.plain, all), await modern.rowDigests(named.plain, all)];
  if (!isDeepStrictEqual(sorted(rows[0]), sorted(rows[1]))) return 'digests of rows differ';
  for (const entity of [named.plain, named.listed]) {
    const images = await Promise.all(
      [legacy, modern].map(async (store) =>
        (await store.read(entity, [['1'], ['2'], ['3']])).map(({ image }) => image),
      ),
    );
    if (images[0]?.includes(null) || !isDeepStrictEqual(images[0], images[1])) return 'images differ';
  }
  return null;
}

function sorted(rows: readonly { key: readonly string[]; digest: string }[] | undefined): string[] {
  return (rows ?? []).map(({ key, digest }) => `${key.join()} ${digest}`).sort();
}

/** Keys: pages of them, a sample, those that are missing, boundaries. */
async function find(stage: Stage, { plain, listed }: Named): Promise<string | null> {
  for (const entity of [plain, listed]) {
    const keys = await stage.legacy.keys(entity, { after: ['1'], upTo: null, limit: 10 });
    if (!isDeepStrictEqual(keys, [['2'], ['3']])) return `keys ${told(keys)}`;
    const sample = await stage.legacy.sample(entity, 10, 7);
    if (sample.length !== 3) return `sample ${told(sample)}`;
    const missing = await stage.legacy.missingKeys(entity, [['1'], ['8']]);
    if (!isDeepStrictEqual(missing, [['8']])) return `missing ${told(missing)}`;
    if ((await stage.legacy.countKeys(entity)) !== 3) return 'counts other keys';
  }
  return null;
}

/** What the application writes is noted by triggers. */
async function capture(stage: Stage, named: Named): Promise<string | null> {
  const { legacy, quoted, application } = stage;
  await legacy.capture(named.plain, true);
  const [table, key, value] = [named.tables[0], named.name, named.other].map((name) =>
    quoted('legacy', name),
  );
  await application.sql(`UPDATE ${table} SET ${value} = 'deux' WHERE ${key} = 2`);
  await application.sql(`INSERT INTO ${table} (${key}, ${value}) VALUES (4, 'four')`);
  await application.sql(`DELETE FROM ${table} WHERE ${key} = 3`);
  const marks = await legacy.captured(100);
  await legacy.deleteCaptured(marks.map(({ id }) => id));
  await legacy.capture(named.plain, false);
  const found = marks.map(({ entity, key }) => `${entity} ${key.join()}`);
  const wanted = ['2', '4', '3'].map((id) => `${named.plain.name} ${id}`);
  return isDeepStrictEqual(found, wanted) ? null : `captured ${told(found)}`;
}

/** A transaction of the application's says which keys it writes. */
async function touch(stage: Stage, named: Named): Promise<string | null> {
  const request = {
    keys: [['1'], ['7']],
    version: '100',
    id: `touch-${named.plain.name}`,
    fence,
    mayBeSilent: true,
  };
  const statement = await stage.legacy.touchStatement(named.plain, request);
  await stage.application.sql('BEGIN');
  try {
    const answer = touchAnswerIn(await openTransaction(stage.application.tx).run(statement), request);
    return isDeepStrictEqual(answer, { version: '100', absent: [false, true] }) ? null : told(answer);
  } finally {
    await stage.application.sql('ROLLBACK');
  }
}

async function remove(stage: Stage, named: Named): Promise<string | null> {
  for (const entity of [named.plain, named.listed]) {
    const gone = { key: ['1'], image: null, kind: 'delete' } as const;
    const value = entity === named.plain ? recordOf(named, 1, 'uno') : listOf(1, ['a']);
    const [outcome] = await stage.legacy.write(entity, [replacing(entity, value, gone)], fence);
    if (outcome?.status !== 'applied') return JSON.stringify(outcome);
    const [stored] = await stage.legacy.read(entity, [['1']]);
    if (stored?.image !== null) return 'is still there';
    const others = await stage.legacy.countKeys(entity);
    if (others !== (entity === named.plain ? 2 : 2)) return `${others} others are left`;
  }
  return null;
}

/** Renamed, and given its name back. */
async function retire(stage: Stage, named: Named): Promise<string | null> {
  const count = async (table: string) =>
    (await stage.sql.legacy(`SELECT count(*) AS n FROM ${stage.quoted('legacy', table)}`))[0]?.n;
  const [table] = named.tables;
  const before = await count(table);
  await stage.legacy.renameLegacyTables(named.plain);
  const isGone = await count(table).then(
    () => false,
    () => true,
  );
  if (!isGone) return 'is still under its name';
  await stage.legacy.restoreRetired(named.plain);
  return (await count(table)) === before ? null : 'has other rows';
}

/** The rows of the table of `plain`, by plain SQL. */
async function holds(
  stage: Stage,
  store: 'legacy' | 'modern',
  named: Named,
  wanted: readonly (readonly [string, string])[],
): Promise<string | null> {
  const rows = await stage.sql[store](rowsSql(stage, store, named, named.tables[0]));
  return isDeepStrictEqual(
    rows,
    wanted.map(([k, v]) => ({ k, v })),
  )
    ? null
    : `has rows ${told(rows)}`;
}

function rowsSql({ quoted }: Stage, store: 'legacy' | 'modern', named: Named, table: string): string {
  const [key, value] = [quoted(store, named.name), quoted(store, named.other)];
  return `SELECT ${key} AS k, ${value} AS v FROM ${quoted(store, table)} ORDER BY ${key}, ${value}`;
}

function told(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
