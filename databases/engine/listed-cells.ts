import type { BoundColumn, BoundTable } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';

/** How statements for lists name what comes with them: a row is `x` and has a cell `c0`, `c1` … for each column. */
export function cellNames(table: BoundTable): string[] {
  return table.columns.map((_, index) => `c${index}`);
}

export function cellOf(table: BoundTable, column: BoundColumn): string {
  return `x.${cellName(table, column)}`;
}

export function cellName({ columns }: BoundTable, column: BoundColumn): string {
  return `c${columns.findIndex(({ name }) => name === column.name)}`;
}

/** SQL that holds where the row `t` of a table has the identity of the row `x`. */
export function hasIdentity(table: BoundTable, quote: (name: string) => string): string {
  return table.identity
    .map((column) => equals(column, `t.${quote(column.name)}`, cellOf(table, column)))
    .join(' AND ');
}

/** SQL that holds where columns of the row `t` have the key whose parts are `k1`, `k2` … of the alias. */
export function hasKey(
  columns: readonly BoundColumn[],
  alias: 'i' | 'x',
  quote: (name: string) => string,
): string {
  return columns
    .map((column, index) => equals(column, `t.${quote(column.name)}`, `${alias}.k${index + 1}`))
    .join(' AND ');
}
