import type { ScalarField } from './field.ts';

/** How an entity lies in one store: a map of columns, or a pair of functions over rows of several tables. */
export type Shape<E> = ColumnsShape<E> | RowsShape<E>;

export interface ColumnsShape<E> {
  readonly form: 'columns';
  readonly table: string;
  /** Column by field; a field that is not named here lies in the column of its own name. */
  readonly columns: Readonly<Record<string, string>>;
  readonly type?: E;
}

export interface RowsShape<E> {
  readonly form: 'rows';
  readonly owned: readonly OwnedTable[];
  readonly referenced: readonly ReferencedTable[];
  readonly embedded: readonly EmbeddedRecord[];
  readonly toRows: (entity: Record<string, unknown>) => Rows;
  readonly fromRows: (rows: Rows) => Record<string, unknown>;
  readonly type?: E;
}

/** Rows by table. Values are what programs hold: number, bigint, string, boolean, Uint8Array, parsed JSON, null. */
export type Rows = Readonly<Record<string, readonly Row[]>>;
export type Row = Readonly<Record<string, unknown>>;

/** A table whose rows belong to the entity: written and deleted with it. Parents are declared before children. */
export interface OwnedTable {
  readonly table: string;
  /** The columns that hold the entity's key, in the key's order. */
  readonly key: readonly string[];
  /** The columns that tell the table's rows apart; they need a unique index. Default: `key`. */
  readonly identity: readonly string[];
  /** The columns that Lockstep reads and writes; others are left alone. Default: every column that is not generated. */
  readonly columns: readonly string[] | null;
  readonly fields: ColumnFields;
}

/** What the functions see of a column, where it is not what the column naturally holds (`docs/types.md`). */
export type ColumnFields = Readonly<Record<string, ScalarField<unknown>>>;

/** A table of rows that many entities share. They carry guards of their own and are never deleted with an entity. */
export interface ReferencedTable {
  readonly table: string;
  /** The name of the `field.shared` record that lies here. */
  readonly shared: string;
  readonly identity: readonly string[];
  readonly columns: readonly string[] | null;
  readonly fields: ColumnFields;
  /** The owned table that points here: referenced column by owning column. */
  readonly through: { readonly table: string; readonly columns: Readonly<Record<string, string>> };
  /** Who wins when writes disagree about a shared row: the newest, the first, or neither (the write is refused). */
  readonly wins: 'latest' | 'first' | 'refuse';
}

/** Where copies of a shared record lie in a denormalized table, so that copies that disagree can be told from loss. */
export interface EmbeddedRecord {
  readonly shared: string;
  readonly table: string;
  /** Column by member of the shared record. */
  readonly columns: Readonly<Record<string, string>>;
}

/** A shape in which each field lies in one column of one table. */
export function columns<E>(options: {
  table: string;
  columns?: { readonly [P in keyof E & string]?: string };
}): ColumnsShape<E> {
  const named: Record<string, string> = {};
  for (const [field, column] of Object.entries<string | undefined>(options.columns ?? {})) {
    if (column !== undefined) named[field] = column;
  }
  return { form: 'columns', table: options.table, columns: named };
}

type RowsOf<T> = { readonly [P in keyof T]: readonly T[P][] };

interface TableOptions {
  key: readonly string[];
  identity?: readonly string[];
  columns?: readonly string[];
  fields?: ColumnFields;
}

interface ReferenceOptions {
  shared: string;
  identity: readonly string[];
  through: { table: string; columns: Readonly<Record<string, string>> };
  columns?: readonly string[];
  fields?: ColumnFields;
  wins?: 'latest' | 'first' | 'refuse';
}

/**
 * A shape made of two functions. `T` names the row type of each table.
 * `fromRows(toRows(entity))` must give the entity back; both must be free of side effects.
 */
export function rows<E, T extends { [P in keyof T]: object }>(options: {
  tables: { readonly [P in keyof T & string]?: TableOptions };
  referenced?: { readonly [P in keyof T & string]?: ReferenceOptions };
  embedded?: Readonly<Record<string, { table: keyof T & string; columns: Readonly<Record<string, string>> }>>;
  toRows: (entity: E) => RowsOf<T>;
  fromRows: (rows: RowsOf<T>) => E;
}): RowsShape<E> {
  const owned = Object.entries<TableOptions | undefined>(options.tables).flatMap(([table, given]) =>
    given
      ? [
          {
            table,
            key: given.key,
            identity: given.identity ?? given.key,
            columns: given.columns ?? null,
            fields: given.fields ?? {},
          },
        ]
      : [],
  );
  const referenced = Object.entries<ReferenceOptions | undefined>(options.referenced ?? {}).flatMap(
    ([table, given]) =>
      given
        ? [
            {
              ...given,
              table,
              columns: given.columns ?? null,
              fields: given.fields ?? {},
              wins: given.wins ?? ('latest' as const),
            },
          ]
        : [],
  );
  const embedded = Object.entries(options.embedded ?? {}).map(([shared, given]) => ({ shared, ...given }));
  return {
    form: 'rows',
    owned,
    referenced,
    embedded,
    toRows: options.toRows as unknown as RowsShape<E>['toRows'],
    fromRows: options.fromRows as unknown as RowsShape<E>['fromRows'],
  };
}
