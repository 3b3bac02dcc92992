import { type Canonical, compareText, type Image, type Key, keyText } from '../../model/canonical.ts';
import { type Entity, keyLimitBytes } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityOf, imageOf, sharedField } from '../../model/field.ts';
import { fromCanonical, NotCanonical, type Scalar, TooFine, toCanonical } from '../../model/scalar.ts';
import type { OwnedTable, Row, RowsShape } from '../../model/shape.ts';
import type { CatalogueColumn } from './catalogue.ts';
import { type CatalogueTable, fromColumn, toColumn } from './column.ts';
import { whyNot } from './fit.ts';

/** A column with the scalar that its values are held to. */
export interface BoundColumn extends CatalogueColumn {
  readonly scalar: Scalar;
}

export interface BoundTable {
  readonly name: string;
  readonly columns: readonly BoundColumn[];
  readonly identity: readonly BoundColumn[];
  /** For an owned table: the columns that hold the entity's key. Empty for a referenced one. */
  readonly key: readonly BoundColumn[];
  /** Whether one key has one row. */
  readonly single: boolean;
  /** Whether the identity is a unique index of its own and holds the key, so that an upsert can only meet own rows. */
  readonly upsertable: boolean;
  readonly autoIncrement: string | null;
  readonly reference: BoundReference | null;
}

interface BoundReference {
  readonly shared: string;
  readonly wins: 'latest' | 'first' | 'refuse';
  readonly table: string;
  /** Pairs of referenced column and owning column. */
  readonly on: readonly (readonly [string, string])[];
}

/** An entity tied to the tables of one store. */
export interface BoundEntity {
  readonly entity: Entity;
  readonly store: StoreName;
  /** In writing order: referenced tables, then owned ones, parents first. */
  readonly tables: readonly BoundTable[];
  readonly owned: readonly BoundTable[];
  readonly referenced: readonly BoundTable[];
  /** The owned table whose rows say which keys there are. */
  readonly root: BoundTable;
  rowsOf(image: Image): TextRows;
  /** Throws `NotCanonical` with table and column where a row holds what no field can. */
  imageOf(rows: TextRows): Image;
}

export type TextRow = Readonly<Record<string, string | null>>;
export type TextRows = Readonly<Record<string, readonly TextRow[]>>;

/** Ties an entity to a store's tables. Throws `InvalidDefinition` with path, column, type and remedy. */
export function bind(
  entity: Entity,
  store: StoreName,
  tables: ReadonlyMap<string, CatalogueTable>,
): BoundEntity {
  const shape = entity.shapes[store];
  const path = `${entity.name}.${store}`;
  if (shape.form === 'columns') return bindColumns(entity, store, shape.table, shape.columns, tables);

  const owned = shape.owned.map((table): BoundTable => {
    const found = tableNamed(tables, table.table, path);
    const columns = chosenColumns(found, table, path);
    return {
      name: found.name,
      columns,
      identity: uniqueColumns(found, columns, table.identity, path),
      key: table.key.map((name, index) => {
        const column = columnNamed(columns, name, `${path}.${table.table}`);
        return keyColumn(entity, index, column, `${path}.${table.table}.${name}`);
      }),
      single: sameNames(table.key, table.identity),
      upsertable: isUnique(found, table.identity) && table.key.every((name) => table.identity.includes(name)),
      autoIncrement: found.autoIncrement,
      reference: null,
    };
  });
  const referenced = shape.referenced.map((table): BoundTable => {
    const found = tableNamed(tables, table.table, path);
    const columns = chosenColumns(found, table, path);
    const at = `${path}.${table.table}`;
    const shared = sharedField(entity.fields, table.shared);
    if (!shared) throw invalid(at, `there is no field.shared of the name "${table.shared}"`);
    if (shared.identity.length !== table.identity.length) {
      throw invalid(`${at}.identity`, `must name a column for each of ${shared.identity.join(', ')}`);
    }
    if (!isUnique(found, table.identity)) throw notUnique(found, table.identity, at);
    const through = tables.get(table.through.table)?.columns ?? [];
    for (const [referenced, owning] of Object.entries(table.through.columns)) {
      columnNamed(columns, referenced, `${at}.through`);
      columnNamed(through, owning, `${at}.through`);
    }
    return {
      name: found.name,
      columns,
      identity: uniqueColumns(found, columns, table.identity, path).map((column, index) => {
        const declared = shared.fields[shared.identity[index] ?? ''];
        if (declared?.form !== 'scalar') throw invalid(`${at}.identity`, 'must stand for scalars');
        refuseUnfit(column, declared.scalar, `${at}.${column.name}`);
        return held(column, declared.scalar, `${at}.${column.name}`);
      }),
      key: [],
      single: true,
      upsertable: isUnique(found, table.identity),
      autoIncrement: found.autoIncrement,
      reference: {
        shared: table.shared,
        wins: table.wins,
        table: table.through.table,
        on: Object.entries(table.through.columns),
      },
    };
  });
  const bound = [...referenced, ...owned];
  return {
    entity,
    store,
    tables: bound,
    owned,
    referenced,
    root: firstOf(owned, path),
    rowsOf: (image) => rowsOfFunctions(entity, store, shape, bound, image),
    imageOf: (rows) => imageOfFunctions(entity, shape, bound, rows),
  };
}

function bindColumns(
  entity: Entity,
  store: StoreName,
  tableName: string,
  named: Readonly<Record<string, string>>,
  tables: ReadonlyMap<string, CatalogueTable>,
): BoundEntity {
  const path = `${entity.name}.${store}`;
  const found = tableNamed(tables, tableName, path);
  const columnOf = new Map<string, BoundColumn>();
  for (const [fieldName, declared] of Object.entries(entity.fields)) {
    if (declared.form !== 'scalar')
      throw invalid(`${path}.${fieldName}`, 'a list or record does not fit a column');
    const column = columnNamed(found.columns, named[fieldName] ?? fieldName, `${path}.${fieldName}`);
    refuseUnfit(column, declared.scalar, `${path}.${fieldName}`);
    columnOf.set(fieldName, held(column, declared.scalar, `${path}.${fieldName}`));
  }
  const columns = [...columnOf.values()];
  const key = entity.key.map((part, index) =>
    keyColumn(entity, index, columnNamed(columns, named[part] ?? part, `${path}.key`), `${path}.${part}`),
  );
  const table: BoundTable = {
    name: found.name,
    columns,
    identity: uniqueColumns(
      found,
      columns,
      key.map((column) => column.name),
      path,
    ),
    key,
    single: true,
    upsertable: isUnique(
      found,
      key.map((column) => column.name),
    ),
    autoIncrement: found.autoIncrement,
    reference: null,
  };
  return {
    entity,
    store,
    tables: [table],
    owned: [table],
    referenced: [],
    root: table,
    rowsOf(image) {
      const row: Record<string, string | null> = {};
      for (const [fieldName, column] of columnOf) {
        row[column.name] = textFor(path, table.name, column, image[fieldName] ?? null);
      }
      return { [table.name]: [row] };
    },
    imageOf(rows) {
      const image: Record<string, Canonical> = {};
      const row = rows[table.name]?.[0] ?? {};
      for (const [fieldName, column] of columnOf) {
        image[fieldName] = valueIn(path, table.name, column, row[column.name] ?? null);
      }
      return image;
    },
  };
}

function rowsOfFunctions(
  entity: Entity,
  store: StoreName,
  shape: RowsShape,
  tables: readonly BoundTable[],
  image: Image,
): TextRows {
  const path = `${entity.name}.${store}.toRows`;
  const given = shape.toRows(entityOf(entity.fields, image));
  for (const name of Object.keys(given)) {
    if (!tables.some((table) => table.name === name))
      throw invalid(path, `gave rows of "${name}", which is not declared`);
  }
  const rows: Record<string, TextRow[]> = {};
  for (const table of tables) {
    const texts = (given[table.name] ?? []).map((row) => textRow(table, row, path));
    rows[table.name] = distinctRows(table, texts, path);
  }
  return rows;
}

/** One row for each identity, in its order. Shared rows may come several times, as their shape allows. */
function distinctRows(table: BoundTable, rows: TextRow[], path: string): TextRow[] {
  if (rows.length < 2) return rows;
  const distinct = new Map<string, TextRow>();
  for (const row of rows) {
    const identity = JSON.stringify(table.identity.map((column) => row[column.name] ?? null));
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
  const text: Record<string, string | null> = {};
  for (const column of table.columns) {
    const value = row[column.name];
    if (value === undefined) {
      throw invalid(
        `${path}.${table.name}.${column.name}`,
        'was left out; give null for no value, or list `columns`',
      );
    }
    text[column.name] = value === null ? null : textOf(path, table.name, column, value);
  }
  for (const name of Object.keys(row)) {
    if (row[name] === undefined || Object.hasOwn(text, name)) continue;
    throw invalid(
      `${path}.${table.name}.${name}`,
      'is no column that Lockstep writes; leave it out of the row',
    );
  }
  return text;
}

function imageOfFunctions(
  entity: Entity,
  shape: RowsShape,
  tables: readonly BoundTable[],
  rows: TextRows,
): Image {
  const path = entity.name;
  const given: Record<string, Row[]> = {};
  for (const table of tables) {
    given[table.name] = (rows[table.name] ?? []).map((row) => {
      const values: Record<string, unknown> = {};
      for (const column of table.columns) {
        const value = valueIn(path, table.name, column, row[column.name] ?? null);
        values[column.name] = value === null ? null : fromCanonical(column.scalar, value);
      }
      return values;
    });
  }
  return imageOf(entity.fields, shape.fromRows(given), entity.name);
}

/** The canonical values of a row's columns, as a guard's key or for comparison. */
export function canonicalCells(columns: readonly BoundColumn[], row: TextRow): Canonical[] {
  return columns.map((column) => fromColumn(column, column.scalar, row[column.name] ?? null));
}

/** The texts that stand for a key in SQL. Throws `InvalidEntity` where the key is too long to be indexed. */
export function keyTexts(bound: BoundEntity, key: Key): string[] {
  const bytes = Buffer.byteLength(keyText(key));
  if (bytes > keyLimitBytes) {
    throw new LockstepError(
      'InvalidEntity',
      `a key of ${bound.entity.name} has ${bytes} bytes; at most ${keyLimitBytes} can be indexed`,
      {
        entity: bound.entity.name,
        remedy: 'use a shorter key',
      },
    );
  }
  const { entity, root } = bound;
  return root.key.map((column, index) => textFor(entity.name, root.name, column, key[index] ?? null) ?? '');
}

/** The key of a row. Throws `InvalidDefinition` where the row could not be found again by it; the value stays out. */
export function keyFromCells(bound: BoundEntity, cells: readonly (string | null)[]): Key {
  return bound.root.key.map((column, index) => {
    const cell = cells[index] ?? null;
    try {
      return keyPart(column, cell);
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error;
      throw invalid(
        `${bound.entity.name}.${bound.store}`,
        `the key of a row of ${bound.root.name} cannot be used: column ${column.name} ${error.message}; correct the row, or declare the key as what it is`,
      );
    }
  });
}

function keyPart(column: BoundColumn, cell: string | null): string {
  const value = fromColumn(column, column.scalar, cell);
  if (typeof value !== 'string') throw new NotCanonical('holds null');
  // Where case matters to the column, the lower case of a key would find nothing.
  if (
    column.scalar.kind === 'uuid' &&
    column.natural?.kind === 'text' &&
    column.limits.cased &&
    cell !== value
  )
    throw new NotCanonical('holds a UUID that is not in lower case');
  return value;
}

/** What a column's text is worth. */
function valueIn(
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
function textFor(path: string, table: string, column: BoundColumn, value: Canonical): string | null {
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

function chosenColumns(
  table: CatalogueTable,
  { columns: names, fields }: Pick<OwnedTable, 'columns' | 'fields'>,
  path: string,
): BoundColumn[] {
  const at = (name: string) => `${path}.${table.name}.${name}`;
  for (const name of Object.keys(fields)) columnNamed(table.columns, name, at(name));
  const chosen = names
    ? names.map((name) => columnNamed(table.columns, name, `${path}.${table.name}`))
    : table.columns.filter((column) => !column.generated);
  return chosen.map((column) => {
    if (!column.natural) throw unmapped(column, at(column.name));
    const declared = fields[column.name];
    if (declared) refuseUnfit(column, declared.scalar, at(column.name));
    return held(column, declared?.scalar ?? column.natural, at(column.name));
  });
}

function keyColumn(entity: Entity, index: number, column: BoundColumn, path: string): BoundColumn {
  const declared = entity.fields[entity.key[index] ?? ''];
  if (declared?.form !== 'scalar') throw invalid(path, 'the key field must be a scalar');
  refuseUnfit(column, declared.scalar, path);
  if (column.nullable)
    throw invalid(path, `column ${column.name} may be null, and a key may not; make it NOT NULL`);
  if (column.limits.labels || column.rule.own) {
    throw invalid(
      path,
      `column ${column.name} is of type ${column.declared}, which does not sort as text; use a varchar column`,
    );
  }
  return held(column, declared.scalar, path);
}

/** A column under a field. */
function held(column: CatalogueColumn, scalar: Scalar, path: string): BoundColumn {
  refuseName(column.name, path);
  const { bytes, limits } = column;
  // A UUID is the same in either case, also as text.
  if (scalar.kind === 'uuid' && bytes && !limits.cased)
    return { ...column, bytes: (text) => bytes(`LOWER(${text})`), scalar };
  return { ...column, ...(scalar.kind === 'text' ? column.asText : null), scalar };
}

/** Names stand in statements, in JSON paths and between placeholders; these characters mean something in one of them. */
function refuseName(name: string, path: string): void {
  if (/[?"\\`]/.test(name))
    throw invalid(
      path,
      `the name "${name}" holds one of ? " \\ \`; rename it, or leave it out with \`columns\``,
    );
}

function refuseUnfit(column: CatalogueColumn, scalar: Scalar, path: string): void {
  if (!column.natural) throw unmapped(column, path);
  if (column.generated)
    throw invalid(path, `column ${column.name} is generated by the database; leave the field out`);
  const reason = whyNot(column, scalar);
  if (reason) throw invalid(path, `column ${column.name}: ${reason}; change the column or the field`);
}

function uniqueColumns(
  table: CatalogueTable,
  columns: readonly BoundColumn[],
  names: readonly string[],
  path: string,
): BoundColumn[] {
  const unique = table.unique.some((index) => index.every((name) => names.includes(name)));
  if (!unique) throw notUnique(table, names, `${path}.${table.name}`);
  const fixed = columns.find((column) => column.limits.inserted && !names.includes(column.name));
  if (fixed) {
    throw invalid(
      `${path}.${table.name}.${fixed.name}`,
      `column ${fixed.name} is GENERATED ALWAYS AS IDENTITY, so that nobody can update it; change it to BY DEFAULT, or leave it out`,
    );
  }
  return names.map((name) => columnNamed(columns, name, `${path}.${table.name}`));
}

function notUnique(table: CatalogueTable, names: readonly string[], path: string): LockstepError {
  const indexes = table.unique.map((index) => `(${index.join(', ')})`).join(' ') || 'none';
  return invalid(
    path,
    `(${names.join(', ')}) is not unique: no primary key or unique index without nullable columns covers it; ` +
      `create one, or name the columns of one of: ${indexes}`,
  );
}

function isUnique(table: CatalogueTable, names: readonly string[]): boolean {
  return table.unique.some((index) => sameNames(index, names));
}

function columnNamed<C extends CatalogueColumn>(columns: readonly C[], name: string, path: string): C {
  const found = columns.find((column) => column.name === name);
  if (found) return found;
  const alike = columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  throw invalid(
    path,
    alike
      ? `there is no column "${name}", but there is "${alike.name}"; names are taken letter by letter`
      : `there is no column "${name}"; the table has ${columns.map((column) => column.name).join(', ')}`,
  );
}

function tableNamed(tables: ReadonlyMap<string, CatalogueTable>, name: string, path: string): CatalogueTable {
  refuseName(name, path);
  const found = tables.get(name);
  if (found) return found;
  throw invalid(
    path,
    `there is no table "${name}" in the database, or it may not be read; create it or grant access`,
  );
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}

function firstOf(tables: readonly BoundTable[], path: string): BoundTable {
  const [first] = tables;
  if (!first) throw invalid(path, 'a shape owns at least one table');
  return first;
}

function unmapped(column: CatalogueColumn, path: string): LockstepError {
  return invalid(path, `column ${column.name}: type ${column.declared} ${column.rule.rule}`);
}

function invalid(path: string, why: string): LockstepError {
  return new LockstepError('InvalidDefinition', `${path}: ${why}`, { path });
}
