import type { Entity } from '../../model/entity.ts';
import { sharedField } from '../../model/field.ts';
import type { RowsShape } from '../../model/shape.ts';
import type { BoundColumn, BoundTable, TextRow, TextRows } from './bound.ts';
import { fromColumn } from './column.ts';
import { canonicalCells, cellIn, rowsIn } from './rows.ts';

/**
 * What stands in a record's own rows and not in those that the functions give back. A row that only they give is no loss, and nor are
 * copies of shared records: others have them too.
 */
export function lossBetween(
  entity: Entity,
  shape: RowsShape,
  owned: readonly BoundTable[],
  stored: TextRows,
  given: TextRows,
): string | null {
  const lost = owned.flatMap((table) => {
    const copies = copiedColumns(entity, shape, table);
    const own = table.columns.filter(({ name }) => !copies.has(name));
    return [...lostIn(table, own, rowsIn(stored, table.name), rowsIn(given, table.name))];
  });
  return lost.length === 0 ? null : `toRows does not give back ${lost.join(', ')}`;
}

function lostIn(
  table: BoundTable,
  columns: readonly BoundColumn[],
  stored: readonly TextRow[],
  given: readonly TextRow[],
): Set<string> {
  const lost = new Set<string>();
  const identityOf = (row: TextRow) => JSON.stringify(canonicalCells(table.identity, row));
  const byIdentity = new Map(given.map((row) => [identityOf(row), row]));
  for (const row of stored) {
    const other = byIdentity.get(identityOf(row));
    if (!other) {
      lost.add(`a row of ${table.name}`);
      continue;
    }
    for (const column of columns)
      if (!isSameCell(column, cellIn(row, column.name), cellIn(other, column.name)))
        lost.add(`${table.name}.${column.name}`);
  }
  return lost;
}

/** One value may be written in several ways. */
function isSameCell(column: BoundColumn, left: string | null, right: string | null): boolean {
  if (left === right) return true;
  return fromColumn(column, column.scalar, left) === fromColumn(column, column.scalar, right);
}

/** Of the copies of shared records, all but what tells which record it is. */
function copiedColumns(entity: Entity, { embedded }: RowsShape, { name }: BoundTable): ReadonlySet<string> {
  const copies = embedded.filter(({ table }) => table === name);
  return new Set(
    copies.flatMap(({ shared, columns }) => {
      const identity = sharedField(entity.fields, shared)?.identity ?? [];
      return Object.entries(columns).flatMap(([member, column]) =>
        identity.includes(member) ? [] : [column],
      );
    }),
  );
}
