import type { BoundEntity, BoundTable, Cells } from '../columns/bound.ts';
import { RollBack, type Session, type TextCells } from './session.ts';

/** A record's name and the text of its key. */
export type RecordName = readonly [entity: string, key: string];

/** A record's place in maps. The text of a key begins as no name does. */
export function recordOf(entity: string, key: string): string {
  return `${entity}${key}`;
}

/** A key of a list: its place there, its text, and the texts of its parts. */
export interface ListedKey {
  readonly at: number;
  readonly text: string;
  readonly parts: readonly string[];
}

/** A record that is there, and locked. */
export interface LockedRecord {
  readonly entity: string;
  readonly key: string;
  readonly version: string;
}

/** That of a key of a list. */
export interface LockedKey extends LockedRecord {
  readonly isLive: boolean;
}

/** An operation as the journal has it. */
export interface JournaledOperation {
  readonly id: string;
  readonly status: string;
  readonly version: string | null;
  /** Or the refusal, as JSON. */
  readonly reason: string | null;
}

export function operationIn({ id, status, version, reason }: TextCells): JournaledOperation {
  return { id: id ?? '', status: status ?? '', version: version ?? null, reason: reason ?? null };
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
  /**
   * Locks the records of keys in the order given, and reads version and row under the locks. Where some are not there, it may lock
   * none of the others.
   *
   * @param byRow whether items are decided by their rows; an engine that needs no look to write them looks only then
   */
  lockKeys(
    session: Session,
    bound: BoundEntity,
    keys: readonly ListedKey[],
    byRow: boolean,
  ): Promise<readonly LockedKey[]>;
  /** Locks records in the order given. Where some are not there, it may lock none of the others. */
  lockRecords(session: Session, records: readonly RecordName[]): Promise<readonly LockedRecord[]>;
  /** Locks records in the order given. One that is not there gets version 0. */
  lockOrInsert(session: Session, records: readonly RecordName[]): Promise<void>;
  /** Those of the operations that the journal has. */
  readOperations(session: Session, ids: readonly string[]): Promise<readonly JournaledOperation[]>;
  /** False where the journal has one of them already. Then none was inserted. */
  insertOperations(
    session: Session,
    given: {
      readonly migration: string;
      readonly entity: string;
      readonly epoch: number;
      readonly operations: readonly OperationRow[];
    },
  ): Promise<boolean>;
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
