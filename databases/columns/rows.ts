import { type Canonical, compareText, type Image } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { entityOf, imageOf } from '../../model/field.ts';
import { memberOf } from '../../model/member.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { fromCanonical, TooFine, toCanonical } from '../../model/scalar.ts';
import type { Row, RowsShape } from '../../model/shape.ts';
import type { BoundColumn, BoundEntity, BoundTable, TextRow, TextRows } from './bound.ts';
import { invalid } from './checks.ts';
import { fromColumn, toColumn } from './column.ts';

export function rowsOfFunctions(
  entity: Entity,
  store: StoreName,
  shape: RowsShape,
  { tables, root }: Pick<BoundEntity, 'tables' | 'root'>,
  image: Image,
): TextRows {
  const path = `${entity.name}.${store}.toRows`;
  const given = shape.toRows(entityOf(entity.fields, image));
  for (const name of Object.keys(given)) {
    if (!tables.some((table) => table.name === name))
      throw invalid(path, `gave rows of "${name}", which is not declared`);
  }
  const key = entity.key.map((name) => image[name] ?? null);
  return Object.fromEntries(
    tables.map((table) => {
      const rows = memberOf(given, table.name);
      if (!rows) throw invalid(path, `gave no rows of "${table.name}"; give [] where it has none`);
      const texts = rows.map((row) => textRow(table, row, path));
      if (texts.some((row) => !belongsTo(table, key, row)))
        throw invalid(path, `gave a row of "${table.name}" with another key than the record's`);
      if (table === root && texts.length === 0)
        throw invalid(path, `gave no row of "${table.name}", whose rows say which records there are`);
      return [table.name, distinctRows(table, texts, path)];
    }),
  );
}

/** A row of another key would be read, replaced and deleted with another record. */
function belongsTo(table: BoundTable, key: readonly Canonical[], row: TextRow): boolean {
  return canonicalCells(table.key, row).every((part, index) => part === key[index]);
}

/** One row for each identity, in its order. Shared rows may come several times, as their shape allows. */
function distinctRows(table: BoundTable, rows: TextRow[], path: string): TextRow[] {
  if (rows.length < 2) return rows;
  const distinct = new Map<string, TextRow>();
  for (const row of rows) {
    const identity = JSON.stringify(table.identity.map((column) => cellIn(row, column.name)));
    const known = distinct.get(identity);
    if (known && JSON.stringify(known) !== JSON.stringify(row)) {
      const wins = table.reference?.wins ?? 'refuse';
      if (wins === 'refuse') throw invalid(path, `gave two rows of "${table.name}" with the same identity`);
      if (wins === 'first') continue;
    }
    distinct.set(identity, row);
  }
  return [...distinct].sort(([left], [right]) => compareText(left, right)).map(([, row]) => row);
}

function textRow(table: BoundTable, row: Row, path: string): TextRow {
  const cells = table.columns.map((column): [string, string | null] => {
    const value = memberOf(row, column.name);
    if (value === undefined) {
      throw invalid(
        `${path}.${table.name}.${column.name}`,
        'was left out; give null for no value, or list `columns`',
      );
    }
    return [column.name, value === null ? null : textOf(path, table.name, column, value)];
  });
  const text: TextRow = Object.fromEntries(cells);
  for (const name of Object.keys(row)) {
    if (row[name] === undefined || Object.hasOwn(text, name)) continue;
    throw invalid(
      `${path}.${table.name}.${name}`,
      'is no column that Lockstep writes; leave it out of the row',
    );
  }
  return text;
}

export function imageOfFunctions(
  entity: Entity,
  shape: RowsShape,
  tables: readonly BoundTable[],
  rows: TextRows,
): Image {
  const path = entity.name;
  const given = Object.fromEntries(
    tables.map((table) => [
      table.name,
      rowsIn(rows, table.name).map((row): Row => {
        const values = table.columns.map((column): [string, unknown] => {
          const value = valueIn(path, table.name, column, cellIn(row, column.name));
          return [column.name, value === null ? null : fromCanonical(column.scalar, value)];
        });
        return Object.fromEntries(values);
      }),
    ]),
  );
  return imageOf(entity.fields, shape.fromRows(given), entity.name);
}

/** What is absent is a fault of ours: taken for nothing, it would be written as nothing. */
export function rowsIn(rows: TextRows, table: string): readonly TextRow[] {
  const found = Object.hasOwn(rows, table) ? rows[table] : undefined;
  if (found) return found;
  throw new TypeError(`the rows of ${table} are missing where rows of its entity are given`);
}

/** The text of a column in a row, as `rowsIn`. */
export function cellIn(row: TextRow, column: string): string | null {
  const found = Object.hasOwn(row, column) ? row[column] : undefined;
  if (found !== undefined) return found;
  throw new TypeError(`column ${column} is missing where a row of its table is given`);
}

/** A row of a result that names the columns of a table `c0`, `c1` and so on, by their places. */
export function textRowOf({ columns }: BoundTable, row: TextRow): TextRow {
  return Object.fromEntries(columns.map(({ name }, at) => [name, cellIn(row, `c${at}`)]));
}

/** The canonical values of a row's columns, as a guard's key or for comparison. */
export function canonicalCells(columns: readonly BoundColumn[], row: TextRow): Canonical[] {
  return columns.map((column) => fromColumn(column, column.scalar, cellIn(row, column.name)));
}

/** What a column's text is worth. */
export function valueIn(
  path: string,
  table: string,
  column: BoundColumn,
  text: string | null,
): string | boolean | null {
  try {
    return fromColumn(column, column.scalar, text);
  } catch (error) {
    throw inColumn(path, table, column, error);
  }
}

/** The text that a column takes for a canonical value. */
export function textFor(path: string, table: string, column: BoundColumn, value: Canonical): string | null {
  try {
    return toColumn(column, column.scalar, value);
  } catch (error) {
    throw inColumn(path, table, column, error);
  }
}

/** The text that a column takes for what a program holds. */
function textOf(path: string, table: string, column: BoundColumn, value: unknown): string | null {
  try {
    return toColumn(column, column.scalar, toCanonical(column.scalar, value));
  } catch (error) {
    throw inColumn(path, table, column, error);
  }
}

function inColumn(path: string, table: string, column: BoundColumn, error: unknown): unknown {
  if (!(error instanceof NotCanonical)) return error;
  const message = `${path}: ${table}.${column.name} ${error.message}`;
  return error instanceof TooFine ? new TooFine(message) : new NotCanonical(message);
}
