import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import { fromColumn, toColumn } from '../columns/column.ts';
import { keyPart } from '../columns/key-text.ts';
import { rangeFault } from '../columns/range.ts';
import { cellIn, rowsIn } from '../columns/rows.ts';
import type { PageTarget, UnfitRows } from '../contract/backfill.ts';
import type { UniqueKey } from '../engine/bulk-engine.ts';
import type { Parameter, TextCells } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { createImages } from '../sql/images.ts';
import { createKeys } from '../sql/keys.ts';
import { beyond, type OrderedPart } from '../sql/keyset.ts';
import { createOrphans, furtherTables } from '../sql/orphans.ts';
import { type BoundTarget, boundTarget } from './page-target.ts';
import { Twins } from './twins.ts';

const rowsPerPage = 500;

/** A unique key of the target, with the places and names of its columns in the source. */
interface Watched {
  readonly key: UniqueKey;
  readonly places: readonly number[];
  readonly names: readonly string[];
  readonly twins: Twins;
}

const repeated =
  'is the same in another row, and unique in the other store; change the rows, or drop that key';
const merged =
  'is one with that of another row to a unique key of the other store, whose collation passes over what tells them apart (letter case, accents, blanks at the end); ' +
  'change the rows, or give its columns a collation that compares bytes';

/** Looks at every row before any is copied, by the rules by which they are copied. */
export function createScan(context: StoreContext) {
  const { dialect } = context.engine;
  const { keys } = createKeys(context);
  const { read } = createImages(context);
  const { countOrphans } = createOrphans(context);

  async function scan(entity: Entity, into: PageTarget): Promise<UnfitRows[]> {
    const target = boundTarget(into);
    const bound = await context.bind(entity);
    const found = new Tally();
    const { legacy, modern } = entity.shapes;
    if (legacy.form === 'columns' && modern.form === 'columns') {
      await scanColumns(bound, target, found);
    } else {
      await scanImages(entity, target, found);
      await scanOrphans(bound, found);
    }
    return found.list();
  }

  /** The place in the order is kept as it is stored: a key that cannot be used must not end the scan. */
  async function scanColumns(bound: BoundEntity, target: BoundTarget, found: Tally): Promise<void> {
    const { root } = bound;
    const to = target.bound.root;
    const watched = await watchedKeys(bound, target);
    const parts = root.key.map(
      (column): OrderedPart => ({
        reference: `t.${dialect.column(column.name)}`,
        value: column.compare('?'),
      }),
    );
    const order = parts.map(({ reference }) => reference).join(', ');
    const cells = root.columns.map(
      (column, at) => `${column.read(`t.${dialect.column(column.name)}`)} AS c${at}`,
    );
    const places = root.key.map(({ name }) => root.columns.findIndex((column) => column.name === name));
    let position: Parameter[] | null = null;
    for (;;) {
      const behind = position ? beyond(dialect, parts, '>', position) : { sql: '1 = 1', values: [] };
      const rows: TextCells[] = await context.query(
        `SELECT ${cells.join(', ')} FROM ${dialect.table(root.name)} t WHERE ${behind.sql} ORDER BY ${order} LIMIT ${rowsPerPage}`,
        behind.values,
      );
      const stored = rows.map((row) =>
        root.columns.map((column, at) => {
          const into = to.columns[at];
          if (!into) return null;
          const cell = cellInto(column, into, cellIn(row, `c${at}`), places.includes(at));
          if (cell.fault !== null) found.add(`${root.name}.${column.name}`, cell.fault);
          return cell.stored;
        }),
      );
      for (const { key, places: of, twins } of watched) {
        const values = stored.map((row) => of.map((place) => row[place] ?? null)).filter(hasAll);
        for (const taken of values.length > 0 ? await key.takenFor(values) : []) twins.add(taken);
      }
      const last = rows.at(-1);
      if (!last || rows.length < rowsPerPage) break;
      position = places.map((place) => cellIn(last, `c${place}`) ?? '');
    }
    for (const { names, key, twins } of watched)
      found.add(`${root.name}.${names.join(', ')}`, key.merges ? merged : repeated, twins.count());
  }

  /** The target's unique keys under which rows may be one that are two here. */
  async function watchedKeys({ root }: BoundEntity, target: BoundTarget): Promise<Watched[]> {
    const own = (await context.translateErrors(() => context.engine.catalogue(root.name)))?.unique ?? [];
    return (await context.translateErrors(() => target.uniqueKeys())).flatMap((key) => {
      const places = key.columns.map((name) =>
        target.bound.root.columns.findIndex((column) => column.name === name),
      );
      const names = places.flatMap((place) => root.columns[place]?.name ?? []);
      const isOwn = own.some((index) => index.every((name) => names.includes(name)));
      if (names.length < places.length || (isOwn && !key.merges)) return [];
      return [{ key, places, names, twins: new Twins() }];
    });
  }

  async function scanImages(entity: Entity, target: BoundTarget, found: Tally): Promise<void> {
    let after: readonly string[] | null = null;
    for (;;) {
      const page: readonly (readonly string[])[] = await keys(entity, {
        after,
        upTo: null,
        limit: rowsPerPage,
      });
      const records = await read(entity, page);
      for (const { unreadable, lossy } of records) {
        const reason = unreadable ?? lossy;
        if (reason !== null) found.add(entity.name, reason);
      }
      const images = records.flatMap(({ key, image }) => (image ? [{ key, image }] : []));
      for (const { image } of images) {
        const reason = rowsFault(target.bound, image);
        if (reason !== null) found.add(entity.name, reason);
      }
      after = page.at(-1) ?? null;
      if (!after || page.length < rowsPerPage) return;
    }
  }

  async function scanOrphans(bound: BoundEntity, found: Tally): Promise<void> {
    for (const table of furtherTables(bound)) {
      const reason = `have no row of ${bound.root.name}, and no record holds them`;
      found.add(table.name, reason, await countOrphans(bound, table));
    }
  }

  return { scan };
}

/** What a value becomes in a column of the target, or why it does not get there. */
function cellInto(
  from: BoundColumn,
  to: BoundColumn,
  text: string | null,
  isKey: boolean,
): { readonly stored: string | null; readonly fault: string | null } {
  try {
    const value = isKey ? keyPart(from, text) : fromColumn(from, from.scalar, text);
    const stored = toColumn(to, to.scalar, value);
    const fault = stored === null ? null : rangeFault(to, stored);
    return { stored: fault === null ? stored : null, fault };
  } catch (error) {
    if (error instanceof NotCanonical) return { stored: null, fault: error.message };
    throw error;
  }
}

function hasAll(values: (string | null)[]): values is string[] {
  return !values.includes(null);
}

function rowsFault(bound: BoundEntity, image: Parameters<BoundEntity['rowsOf']>[0]): string | null {
  try {
    const rows = bound.rowsOf(image);
    for (const table of bound.tables) {
      for (const row of rowsIn(rows, table.name)) {
        for (const column of table.columns) {
          const text = cellIn(row, column.name);
          const fault = text === null ? null : rangeFault(column, text);
          if (fault !== null) return `${table.name}.${column.name} ${fault}`;
        }
      }
    }
    return null;
  } catch (error) {
    if (error instanceof NotCanonical || error instanceof LockstepError) return error.message;
    return 'toRows threw an error';
  }
}

/** Counts by place and reason. Reasons name no values. */
class Tally {
  readonly #rows = new Map<string, UnfitRows>();

  add(at: string, reason: string, rows = 1): void {
    if (rows === 0) return;
    const key = JSON.stringify([at, reason]);
    this.#rows.set(key, { at, reason, rows: (this.#rows.get(key)?.rows ?? 0) + rows });
  }

  list(): UnfitRows[] {
    return [...this.#rows.values()].sort((left, right) => right.rows - left.rows);
  }
}
