import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import type { CatalogueColumn } from '../columns/catalogue.ts';
import type { KeySpan } from '../columns/key-span.ts';
import type { CopyCell } from '../copy-format/copy-cell.ts';
import type { CopyText } from '../copy-format/copy-text.ts';
import type { Parameter, PlacedKey, Session, TextCells } from './session.ts';

/** How much of a page is read at a stretch, in bytes: about a millisecond's work. Whatever else the process does has its turn then. */
export const stretchBytes = 128 * 1024;

/** What the engines do each in its own way when rows come in bulk. Positions are those in the list of keys given. */
export interface BulkEngine {
  /** SQL for a column as `copyOut` takes it, at the least cost. */
  pageCell(column: CatalogueColumn, reference: string): string;
  /**
   * Appends the rows of a query, `limit` at most, to a page, until that has `maxBytes` or more; `notLoadable` gets the cells of those
   * that some cell refuses. Resolves to whether it has all rows of the query.
   */
  copyOut(
    query: RowQuery,
    cells: readonly CopyCell[],
    page: CopyText,
    notLoadable: (cells: readonly (string | null)[]) => void,
  ): Promise<boolean>;
  /** What a text of a page begins with in this column, where the bulk load takes it so; null where `write` must do it. */
  prefix(column: BoundColumn): string | null;
  /**
   * Puts rows in, all or none. `absent` leaves those alone that are there. `unchecked` leaves the checks that `parentChecks` gave to the
   * caller, before the end of the transaction. Throws where any is refused or changed.
   */
  copyIn(
    session: Session,
    table: BoundTable,
    rows: Buffer,
    how: 'new' | 'absent' | 'unchecked',
  ): Promise<void>;
  /** What a load may check at once instead of the database for each row, from here to the end of the transaction; null where nothing. */
  parentChecks(session: Session, table: BoundTable): Promise<readonly ParentCheck[] | null>;
  /** Why `copyIn` into these tables is slower than it could be, with the remedy; null where it is not. */
  slowCopyInReason(tables: readonly string[]): Promise<string | null>;

  /** What the database's statistics say; null where they say nothing. */
  estimateRows(table: string): Promise<number | null>;

  /** Null where the root table has no places that one can draw from. */
  rowPlaces(bound: BoundEntity): Promise<RowPlaces | null>;

  /** The unique keys of a table, those with columns that may be null too. */
  uniqueKeys(table: BoundTable): Promise<readonly UniqueKey[]>;
  /** The foreign keys of a table. */
  foreignKeys(table: string): Promise<ForeignKey[]>;
  /** Whether a row must come after the row that it refers to, within one statement too. */
  readonly parentsFirst: boolean;

  /** Statements that make the indexes which nothing but reading needs. */
  secondaryIndexes(table: string): Promise<string[]>;

  /**
   * Called when the rows are in: from here to the end of the transaction no live delete can have missed them. Gives the
   * positions of keys that have a record, which speaks of what is newer than any row of a backfill.
   */
  recordedMeanwhile(session: Session, entity: string, keys: KeyList): Promise<number[]>;
  /** Locks the keys' records as the write routine does, and gives the positions of those that have one. */
  lockRecords(session: Session, entity: string, keys: readonly PlacedKey[]): Promise<number[]>;
  releaseRecords(session: Session, entity: string, keys: readonly PlacedKey[]): Promise<void>;
  /** Positions of keys that have a row or a record. */
  present(session: Session, bound: BoundEntity, keys: KeyList): Promise<number[]>;
  /** Whether `present` costs next to nothing where keys have a span. */
  readonly looksBetween: boolean;
  /** Positions of keys that have rows in one of the tables. */
  inTable(
    session: Session,
    bound: BoundEntity,
    table: BoundTable,
    keys: readonly PlacedKey[],
  ): Promise<number[]>;
  removeRows(session: Session, bound: BoundEntity, keys: readonly PlacedKey[]): Promise<void>;
  /** Whether the transaction gave way to a live write, and is to be tried again from its beginning. */
  isLockConflict(error: unknown): boolean;
}

/** Keys that are many, and written out as late as possible. */
export interface KeyList {
  readonly length: number;
  all(): readonly PlacedKey[];
  /** Between which of them all lie; null where nobody knows without writing them out. */
  span(): KeySpan | null;
  /** The positions of those that have these texts. Only where they have a span. */
  among(texts: readonly string[]): number[];
}

export interface RowQuery {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  /** How many rows the query gives at most. */
  readonly limit: number;
  readonly maxBytes: number;
}

/**
 * Numbered places, of which each key has exactly one, and most may have none: a key that is at a place drawn at random is as likely as
 * every other one.
 */
export interface RowPlaces {
  readonly count: bigint;
  /** Holds for the rows at some places, one for each key that is there. */
  rowsAt(
    alias: string,
    places: readonly bigint[],
  ): { readonly sql: string; readonly parameters: readonly Parameter[] };
}

export interface UniqueKey {
  readonly columns: readonly string[];
  /** Whether it takes texts of different bytes for one. */
  readonly merges: boolean;
  /** The same text for values that it takes for one. */
  takenFor(values: readonly (readonly string[])[]): Promise<readonly string[]>;
}

/** Columns of a table that refer to a row of another one, or of its own. */
export interface ForeignKey {
  readonly columns: readonly string[];
  /** The other table's name with its schema or database; see `Engine.qualifiedName`. */
  readonly table: string;
  /** Its columns, in the order of `columns`. */
  readonly referenced: readonly string[];
  /** Whether it can be put off until the end of a transaction. */
  readonly isDeferrable: boolean;
}

/** A foreign key of a table that rows are loaded into. */
export interface ParentCheck {
  readonly columns: readonly string[];
  /** Where it refers to the table itself: the columns there. Equal texts in both are equal values. */
  readonly own: readonly string[] | null;
  /** Locks the rows that some tuples refer to, as the database's check does: until the end of the transaction they stay. False where one is not there. */
  lockAll(tuples: readonly (readonly string[])[]): Promise<boolean>;
}

/** From rows with the name of the key, the table that it refers to, a pair of columns, in order, and whether it is `deferrable`. */
export function foreignKeysOf(rows: readonly TextCells[]): ForeignKey[] {
  const found = new Map<string, ForeignKey & { columns: string[]; referenced: string[] }>();
  for (const row of rows) {
    const name = row.name ?? '';
    const isDeferrable = row.deferrable === 'true';
    const key = found.get(name) ?? { columns: [], table: row.parent ?? '', referenced: [], isDeferrable };
    key.columns.push(row.own ?? '');
    key.referenced.push(row.other ?? '');
    found.set(name, key);
  }
  return [...found.values()];
}

/** Some rows of a bulk load were refused, or would have been kept as other than they are. */
export class LoadRefused extends Error {}
