import type { Image, Key } from '../model/canonical.ts';
import type { Entity } from '../model/entity.ts';
import { LockstepError } from '../model/failure.ts';
import { NotCanonical } from '../model/scalar.ts';
import type { Access } from './access.ts';
import { type BoundEntity, keyFromCells } from './binding.ts';
import { type CopyCell, copyCell } from './copy-cell.ts';
import { type CopyPage, pageOfRows } from './copy-page.ts';
import { CopyText } from './copy-text.ts';
import { keyRange } from './keys.ts';
import type { StoreFailure } from './store.ts';

/** What the source has to know of the target: its tables, and how a text of a page begins there. */
export interface PageTarget {
  readonly bound: BoundEntity;
  /** A shared row that differs must be refused, which only the write routine does. */
  readonly refusesShared: boolean;
  /** What stands before a column's text, by column; see `BulkEngine.prefix`. */
  prefix(column: string): string;
  /** A page of images; those that the shape cannot turn into rows are told apart, with the reason. */
  pageOf(records: readonly { key: Key; image: Image }[]): {
    page: CopyPage;
    unfit: { key: Key; failure: StoreFailure }[];
  };
}

export interface PageRange {
  readonly after: Key | null;
  readonly upTo: Key | null;
  readonly limit: number;
}

export interface ReadPage {
  readonly page: CopyPage;
  /** Keys whose rows some cell refuses: they take the long way, which says why. */
  readonly unfit: readonly Key[];
  /** Where the next page begins; null where no row was left. */
  readonly last: Key | null;
  readonly full: boolean;
}

/** Pages of a column map, without an object for any row. */
export function bulkReads(access: Access) {
  /** Null where the two shapes are no column maps: their rows must be read as images. */
  async function readPage(entity: Entity, target: PageTarget, range: PageRange): Promise<ReadPage | null> {
    const bound = await access.bind(entity);
    if (entity.shapes.legacy.form !== 'columns' || entity.shapes.modern.form !== 'columns') return null;
    const { engine } = access;
    const { root } = bound;
    const cells = root.columns.map((column, index): CopyCell => {
      const into = target.bound.root.columns[index];
      if (!into) throw new TypeError('a field has no column in the other store');
      return copyCell(column, into, target.prefix(into.name));
    });
    const { conditions, parameters } = keyRange(access, bound, range);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
    const columns = root.columns.map((column) =>
      engine.bulk.pageCell(column, `t.${engine.text.column(column.name)}`),
    );
    const order = root.key.map((column) => `t.${engine.text.column(column.name)}`);
    const sql = `SELECT ${columns.join(', ')} FROM ${engine.text.table(root.name)} t${where}
      ORDER BY ${order.join(', ')} LIMIT ${Math.floor(range.limit)}`;
    const text = new CopyText();
    const unfit: Key[] = [];
    let lastUnfitAt = -1;
    await access.guarded(() =>
      engine.bulk.copyOut({ sql, parameters }, cells, text, (row) => {
        unfit.push(keyOfCells(bound, row));
        lastUnfitAt = text.rows;
      }),
    );
    const page = pageOfRows(target.bound, text);
    const last = lastUnfitAt === text.rows ? unfit.at(-1) : text.rows > 0 ? page.keyAt(text.rows - 1) : null;
    return { page, unfit, last: last ?? null, full: text.rows + unfit.length >= Math.floor(range.limit) };
  }

  return { readPage };
}

function keyOfCells(bound: BoundEntity, row: readonly (string | null)[]): Key {
  const { root } = bound;
  const places = root.key.map((column) => root.columns.findIndex(({ name }) => name === column.name));
  try {
    return keyFromCells(
      bound,
      places.map((place) => row[place] ?? null),
    );
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error;
    throw new LockstepError(
      'InvalidEntity',
      `a row of ${root.name} has a key that no field can hold: ${root.key.map(({ name }) => name).join(', ')} ${error.message}; correct it in the ${bound.store} store`,
      { entity: bound.entity.name },
    );
  }
}
