import type { Entity } from '../../model/entity.ts';
import { entityOf } from '../../model/field.ts';
import { fromCanonical } from '../../model/scalar.ts';
import type { RowsShape } from '../../model/shape.ts';
import type { BoundColumn, BoundTable, Cells, ProgramValue, TextRow } from './bound.ts';
import { imageOfFunctions, valueIn } from './rows.ts';

/** What a program sees of a row of the columns, by field. Made once for an entity. */
export function valuesOfColumns(
  path: string,
  table: string,
  columns: ReadonlyMap<string, BoundColumn>,
): ProgramValue {
  const fields = [...columns].map(([name, column]) => ({ name, column }));
  return ([row = []]) => {
    const value: Record<string, unknown> = {};
    for (let at = 0; at < fields.length; at++) {
      const found = fields[at];
      if (found) value[found.name] = valueInColumn(path, table, found.column, row[at] ?? null);
    }
    return value;
  };
}

/** The same for a shape of functions over one table. */
export function valuesOfFunctions(entity: Entity, shape: RowsShape, table: BoundTable): ProgramValue {
  const rowOf = (cells: Cells): TextRow =>
    Object.fromEntries(table.columns.map(({ name }, at) => [name, cells[at] ?? null]));
  return (rows) =>
    entityOf(entity.fields, imageOfFunctions(entity, shape, [table], { [table.name]: rows.map(rowOf) }));
}

function valueInColumn(path: string, table: string, column: BoundColumn, text: string | null): unknown {
  const canonical = valueIn(path, table, column, text);
  return canonical === null ? null : fromCanonical(column.scalar, canonical);
}
