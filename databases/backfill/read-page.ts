import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyFromCells } from '../columns/key-text.ts';
import type { CopyWay, PageRange, PageTarget, ReadPage } from '../contract/backfill.ts';
import { type CopyCell, copyCell } from '../copy-format/copy-cell.ts';
import { CopyText } from '../copy-format/copy-text.ts';
import type { Access } from '../sql/context.ts';
import { keysetOf } from '../sql/keyset.ts';
import { pageOfRows } from './bound-page.ts';
import { type BoundTarget, boundTarget } from './page-target.ts';

/** Pages of a column map, without an object for any row. */
export function pageReads(access: Access) {
  /** Null where the two shapes are no column maps: their rows must be read as images. */
  async function readPage(entity: Entity, into: PageTarget, range: PageRange): Promise<ReadPage | null> {
    const target = boundTarget(into);
    const bound = await access.bind(entity);
    if (!isColumnMap(entity)) return null;
    const { engine } = access;
    const { root } = bound;
    const cells = cellsBetween(bound, target);
    const keyset = keysetOf(engine.text, bound);
    const { sql: where, values } = keyset.within({ lower: range.after, upper: range.upTo });
    const columns = root.columns.map((column) =>
      engine.bulk.pageCell(column, `t.${engine.text.column(column.name)}`),
    );
    const sql = `SELECT ${columns.join(', ')} FROM ${engine.text.table(root.name)} t
      WHERE ${where} ORDER BY ${keyset.order} LIMIT ${Math.floor(range.limit)}`;
    const text = new CopyText();
    const unfit: Key[] = [];
    let lastUnfitAt = -1;
    await access.guarded(() =>
      engine.bulk.copyOut({ sql, parameters: values }, cells, text, (row) => {
        unfit.push(keyOfCells(bound, row));
        lastUnfitAt = text.rows;
      }),
    );
    const page = pageOfRows(target.bound, text, (column) => target.prefix(column));
    const last = lastUnfitAt === text.rows ? unfit.at(-1) : text.rows > 0 ? page.keyAt(text.rows - 1) : null;
    return { page, unfit, last: last ?? null, full: text.rows + unfit.length >= Math.floor(range.limit) };
  }

  /** How rows get from here to the other store: as they are, but for some columns, or as images. */
  async function copyWay(entity: Entity, target: PageTarget): Promise<CopyWay> {
    const bound = await access.bind(entity);
    if (!isColumnMap(entity)) return { by: 'images', converted: [] };
    const cells = cellsBetween(bound, boundTarget(target));
    const converted = bound.root.columns
      .filter((_, index) => cells[index]?.converted)
      .map(({ name }) => name);
    return { by: 'rows', converted };
  }

  return { readPage, copyWay };
}

function isColumnMap({ shapes }: Entity): boolean {
  return shapes.legacy.form === 'columns' && shapes.modern.form === 'columns';
}

/** The columns of both stores stand in the order of the entity's fields. */
function cellsBetween({ root }: BoundEntity, target: BoundTarget): CopyCell[] {
  return root.columns.map((column, index) => {
    const into = target.bound.root.columns[index];
    if (!into) throw new TypeError('a field has no column in the other store');
    return copyCell(column, into, target.prefix(into.name));
  });
}

function keyOfCells(bound: BoundEntity, row: readonly (string | null)[]): Key {
  const { root } = bound;
  const places = root.key.map((column) => root.columns.findIndex(({ name }) => name === column.name));
  return keyFromCells(
    bound,
    places.map((place) => row[place] ?? null),
  );
}
