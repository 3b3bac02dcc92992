import type { BoundEntity, BoundTable, Cells } from '../columns/bound.ts';
import { RollBack, type Session, type TextCells } from './session.ts';

/** A record's name and the text of its key. */
export type RecordName = readonly [entity: string, key: string];

/** A key of a list: its place there, its text, and the texts of its parts. */
export interface ListedKey {
  readonly at: number;
  readonly text: string;
  readonly parts: readonly string[];
}

export interface StoredFacts {
  readonly versions: readonly { readonly entity: string; readonly key: string; readonly version: string }[];
  /** Places of the keys that have a row. */
  readonly live: readonly number[];
  readonly operations: readonly {
    readonly id: string;
    readonly status: string;
    readonly version: string | null;
    /** Or the refusal, as JSON. */
    readonly reason: string | null;
  }[];
}

/** From rows of four columns that one statement has found: `what` they are about, then `a` to `d`. */
export function factsIn(rows: readonly TextCells[]): StoredFacts {
  const of = (what: string) => rows.filter((row) => row.what === what);
  return {
    versions: of('version').map(({ a, b, c }) => ({ entity: a ?? '', key: b ?? '', version: c ?? '0' })),
    operations: of('operation').map(({ a, b, c, d }) => ({
      id: a ?? '',
      status: b ?? '',
      version: c ?? null,
      reason: d ?? null,
    })),
    live: of('live').map(({ a }) => Number(a)),
  };
}

export interface OperationRow {
  readonly id: string;
  readonly key: string;
  readonly kind: string;
  readonly status: string;
  readonly version: string | null;
  readonly reason: string | null;
  readonly before: string | null;
}

export interface RecordRow {
  readonly entity: string;
  readonly key: string;
  readonly version: string;
  readonly deleted: boolean;
  readonly digest: string | null;
  readonly operationId: string | null;
}

/** Rows of a referenced table, none of them twice. */
export interface SharedRows {
  readonly table: BoundTable;
  readonly rows: readonly Cells[];
}

/** A row of an owned table with the key that it belongs to. */
export interface ListedRow {
  readonly key: ListedKey;
  readonly cells: Cells;
}

export interface TableRows {
  readonly table: BoundTable;
  readonly rows: readonly ListedRow[];
}

/** Rows of keys that are written at once. No key comes twice. */
export interface OwnedRows {
  readonly keys: readonly ListedKey[];
  /** Places of those that have a row already. */
  readonly live: ReadonlySet<number>;
  /** What the keys are to have, and no others, table by table, parents first. */
  readonly tables: readonly TableRows[];
}

/** Guarded writes of many keys: one statement a step for all of them, in a transaction that its caller holds. */
export interface ListEngine {
  /** Locks the records in the order given. One that is not there gets version 0. */
  lockRecords(session: Session, records: readonly RecordName[]): Promise<void>;
  /** What the store has of records, rows and operations, as it is under the locks. */
  readFacts(
    session: Session,
    bound: BoundEntity,
    asked: {
      readonly records: readonly RecordName[];
      readonly keys: readonly ListedKey[];
      readonly operationIds: readonly string[];
    },
  ): Promise<StoredFacts>;
  /** Gives the ids of those that were there already. Where it gives any, none was inserted. */
  insertOperations(
    session: Session,
    given: {
      readonly migration: string;
      readonly entity: string;
      readonly epoch: number;
      readonly operations: readonly OperationRow[];
    },
  ): Promise<readonly string[]>;
  deleteRows(session: Session, bound: BoundEntity, keys: readonly ListedKey[]): Promise<void>;
  /**
   * Rows that replace what is there, and rows that come in where they are absent. Throws `SharedRowDiffers` where one of these
   * differs from what is there, and its shape refuses that.
   */
  writeShared(
    session: Session,
    rows: { readonly replacing: readonly SharedRows[]; readonly absent: readonly SharedRows[] },
  ): Promise<void>;
  writeOwned(session: Session, bound: BoundEntity, rows: OwnedRows): Promise<void>;
  raiseRecords(session: Session, records: readonly RecordRow[]): Promise<void>;
  /** Removes those that still have version 0. */
  dropUnversioned(session: Session, records: readonly RecordName[]): Promise<void>;
}

/** A table took fewer rows than it was given, and no error says why. */
export class RowLeftOut extends RollBack {
  constructor(table: string) {
    super(`a trigger or rule left a row of ${table} out`);
  }
}

/** A shared row differs from the stored one, and its shape says that such a write is refused. */
export class SharedRowDiffers extends RollBack {
  constructor(table: string) {
    super(`a shared row of ${table} differs and the shape says refuse`);
  }
}
