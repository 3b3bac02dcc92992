import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { isCasedUuid, keyFromCells } from '../columns/key-text.ts';
import type { CopyMethod, PageRange, PageTarget, ReadPage } from '../contract/backfill.ts';
import { type CopyCell, copyCell } from '../copy-format/copy-cell.ts';
import { CopyText } from '../copy-format/copy-text.ts';
import type { StoreContext } from '../sql/context.ts';
import { keysetOf } from '../sql/keyset.ts';
import { pageOfRows } from './bound-page.ts';
import { type BoundTarget, boundTarget } from './page-target.ts';

/** Pages of a column map, without an object for any row. */
export function pageReads(context: StoreContext) {
  /** Null where the two shapes are no column maps: their rows must be read as images. */
  async function readPage(entity: Entity, into: PageTarget, range: PageRange): Promise<ReadPage | null> {
    const target = boundTarget(into);
    const bound = await context.bind(entity);
    if (!isColumnMap(entity)) return null;
    const { engine } = context;
    const { root } = bound;
    const cells = cellsBetween(bound, target);
    const keyset = keysetOf(engine.dialect, bound);
    const { sql: where, values } = keyset.within({ lower: range.after, upper: range.upTo });
    // Under names of our own: a driver may refuse one that a column has.
    const columns = root.columns.map(
      (column, at) => `${engine.bulk.pageCell(column, `t.${engine.dialect.column(column.name)}`)} AS c${at}`,
    );
    const limit = Math.floor(range.limit);
    const sql = `SELECT ${columns.join(', ')} FROM ${engine.dialect.table(root.name)} t
      WHERE ${where} ORDER BY ${keyset.order} LIMIT ${limit}`;
    const text = new CopyText();
    const notLoadable: Key[] = [];
    let lastNotLoadableAt = -1;
    const { maxBytes = Number.POSITIVE_INFINITY } = range;
    const isWhole = await context.translateErrors(() =>
      engine.bulk.copyOut({ sql, parameters: values, limit, maxBytes }, cells, text, (row) => {
        notLoadable.push(keyOfCells(bound, row));
        lastNotLoadableAt = text.rows;
      }),
    );
    const page = pageOfRows(bound, target.bound, text, (column) => target.prefix(column));
    const last =
      lastNotLoadableAt === text.rows ? notLoadable.at(-1) : text.rows > 0 ? page.keyAt(text.rows - 1) : null;
    return {
      page,
      notLoadable,
      last: last ?? null,
      full: !isWhole || text.rows + notLoadable.length >= limit,
    };
  }

  /** How rows get from here to the other store: as they are, but for some columns, or as images. */
  async function copyMethod(entity: Entity, target: PageTarget): Promise<CopyMethod> {
    const bound = await context.bind(entity);
    if (!isColumnMap(entity)) return { by: 'images', converted: [] };
    const cells = cellsBetween(bound, boundTarget(target));
    const converted = bound.root.columns
      .filter((_, index) => cells[index]?.converted)
      .map(({ name }) => name);
    return { by: 'rows', converted };
  }

  return { readPage, copyMethod };
}

function isColumnMap({ shapes }: Entity): boolean {
  return shapes.legacy.form === 'columns' && shapes.modern.form === 'columns';
}

/** The columns of both stores stand in the order of the entity's fields. */
function cellsBetween({ root }: BoundEntity, target: BoundTarget): CopyCell[] {
  return root.columns.map((column, index) => {
    const into = target.bound.root.columns[index];
    if (!into) throw new TypeError('a field has no column in the other store');
    const cell = copyCell(column, into, target.prefix(into.name));
    const isKey = root.key.some(({ name }) => name === column.name);
    return isKey && isCasedUuid(column) ? withoutUpperCase(cell) : cell;
  });
}

/** The row could not be found again by its key's lower case. */
function withoutUpperCase(cell: CopyCell): CopyCell {
  return {
    ...cell,
    convert(text) {
      if (text !== text?.toLowerCase()) throw new NotCanonical('holds a UUID that is not in lower case');
      return cell.convert(text);
    },
  };
}

function keyOfCells(bound: BoundEntity, row: readonly (string | null)[]): Key {
  const { root } = bound;
  const places = root.key.map((column) => root.columns.findIndex(({ name }) => name === column.name));
  return keyFromCells(
    bound,
    places.map((place) => row[place] ?? null),
  );
}
