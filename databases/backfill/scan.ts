import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import { fromColumn, toColumn } from '../columns/column.ts';
import { keyPart } from '../columns/key-text.ts';
import { rangeFault } from '../columns/range.ts';
import { cellIn, rowsIn } from '../columns/rows.ts';
import type { PageTarget, UnfitRows } from '../contract/backfill.ts';
import type { Parameter, TextCells } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { createImages } from '../sql/images.ts';
import { createKeys } from '../sql/keys.ts';
import { beyond, type OrderedPart } from '../sql/keyset.ts';
import { createOrphans, furtherTables } from '../sql/orphans.ts';
import { type BoundTarget, boundTarget } from './page-target.ts';

const rowsPerPage = 500;

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
      await scanColumns(bound, target.bound, found);
      await scanCases(bound, target.bound, found);
    } else {
      await scanImages(entity, target, found);
      await scanOrphans(bound, found);
    }
    return found.list();
  }

  /** The place in the order is kept as it is stored: a key that cannot be used must not end the scan. */
  async function scanColumns({ root }: BoundEntity, target: BoundEntity, found: Tally): Promise<void> {
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
      for (const row of rows) {
        for (const [at, column] of root.columns.entries()) {
          const to = target.root.columns[at];
          const isKey = places.includes(at);
          const reason = to ? cellFault(column, to, cellIn(row, `c${at}`), isKey) : null;
          if (reason !== null) found.add(`${root.name}.${column.name}`, reason);
        }
      }
      const last = rows.at(-1);
      if (!last || rows.length < rowsPerPage) return;
      position = places.map((place) => cellIn(last, `c${place}`) ?? '');
    }
  }

  /** Keys that differ in the case of letters alone, where the target takes them for one. */
  async function scanCases(bound: BoundEntity, target: BoundEntity, found: Tally): Promise<void> {
    const merges = bound.root.key.map(
      (column, at) =>
        column.scalar.kind === 'text' &&
        column.limits.cased === true &&
        target.root.key[at]?.limits.cased === false,
    );
    if (!merges.includes(true)) return;
    const parts = bound.root.key.map(({ name }, at) => {
      const reference = `t.${dialect.column(name)}`;
      return merges[at] ? `LOWER(${reference})` : reference;
    });
    const [row] = await context.query(
      `SELECT SUM(s.n) AS total FROM (SELECT COUNT(*) AS n FROM ${dialect.table(bound.root.name)} t
       GROUP BY ${parts.join(', ')} HAVING COUNT(*) > 1) s`,
    );
    const names = bound.root.key.filter((_, at) => merges[at]).map(({ name }) => name);
    found.add(
      `${bound.root.name}.${names.join(', ')}`,
      'is a key that differs from another in letter case alone, which is one key to the other store',
      Number(row?.total ?? 0),
    );
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

/** Why a value does not get from one column into the other; null where it does. */
function cellFault(from: BoundColumn, to: BoundColumn, text: string | null, isKey: boolean): string | null {
  try {
    const value = isKey ? keyPart(from, text) : fromColumn(from, from.scalar, text);
    const stored = toColumn(to, to.scalar, value);
    return stored === null ? null : rangeFault(to, stored);
  } catch (error) {
    if (error instanceof NotCanonical) return error.message;
    throw error;
  }
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
