import type { BoundEntity, BoundTable, Cells, TextRow, TextRows } from '../columns/bound.ts';
import { canonicalCells, cellIn, rowsIn } from '../columns/rows.ts';

/** A row by the places of its columns. No name of a column can mean anything else, because none is there. */
export interface PlacedRow {
  readonly cells: Cells;
  /** See `guardOf`; null where the table belongs to the entity alone. */
  readonly guard: string | null;
}

/** The rows of each table of an entity, in the order of its tables. */
export type PlacedRows = readonly (readonly PlacedRow[])[];

export function placedRows({ tables }: BoundEntity, rows: TextRows): PlacedRows {
  return tables.map((table) =>
    rowsIn(rows, table.name).map((row) => ({
      cells: cellsOf(table, row),
      guard: table.reference ? guardOf(table, row) : null,
    })),
  );
}

export function cellsOf(table: BoundTable, row: TextRow): Cells {
  return table.columns.map((column) => cellIn(row, column.name));
}

/** The key, as text, of the shared record that a referenced row belongs to. */
export function guardOf(table: BoundTable, row: TextRow): string {
  return JSON.stringify(canonicalCells(table.identity, row));
}

/**
 * For JSON: `t0`, `t1` … for the tables, but for the one left out, and in them objects with `c0`, `c1` … for the cells. A list of
 * rows is never left out, and the routines refuse where one is missing; a null cell is, which to them is the same.
 */
export function rowsByPlace(rows: PlacedRows, leftOut?: number): Record<string, object[]> {
  const tables = rows.flatMap((placed, at): [string, object[]][] =>
    at === leftOut ? [] : [[`t${at}`, placed.map(cellsByPlace)]],
  );
  return Object.fromEntries(tables);
}

function cellsByPlace({ cells, guard }: PlacedRow): object {
  const given = cells.flatMap((cell, at): [string, string][] => (cell === null ? [] : [[`c${at}`, cell]]));
  return Object.fromEntries(guard === null ? given : [...given, ['guard', guard]]);
}
