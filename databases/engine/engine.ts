import type { Key } from '../../model/canonical.ts';
import type { BoundEntity, Cells, TextRows } from '../columns/bound.ts';
import type { CatalogueTable } from '../columns/column.ts';
import type { TriggerAccount } from '../contract/capture.ts';
import type { RoleRights } from '../contract/rights.ts';
import type { Setting } from '../contract/setting.ts';
import type { TableUse } from '../contract/table-use.ts';
import type { TouchRefusal, TouchRequest, TouchStatement } from '../contract/touch.ts';
import type { Fence, StoreFailure } from '../contract/write.ts';
import type { BranchName } from './branch-name.ts';
import type { BulkEngine } from './bulk-engine.ts';
import type { ControlMigration } from './control-migrations.ts';
import type { ListEngine, RecordName } from './list-engine.ts';
import type { RoutineItem } from './routine-item.ts';
import type { Session, TextCells } from './session.ts';

/** What the guarded write routine of an entity is called with. */
export interface WriteRequest {
  readonly fence: Fence;
  readonly item: RoutineItem;
  /** In locking order, where more than the item's own record is to be locked. */
  readonly locks: readonly RecordName[] | null;
}

/** See `keyTexts`. */
export type KeyTexts = readonly string[];

export interface RawStored {
  readonly version: string;
  readonly deleted: boolean;
  readonly operationId: string | null;
  readonly digest: string | null;
  /** See `StoredRecord`. */
  readonly undecided: boolean;
  readonly rows: TextRows;
}

export type IsAllowed = (attempt: () => Promise<unknown>) => Promise<boolean>;

/** What tells one database from another. Everything else is `createSqlStore`. */
export interface Engine extends Session {
  readonly kind: 'mysql' | 'postgresql';
  readonly address: string;
  /** As which it connects. */
  readonly account: string;
  readonly database: string;
  readonly dialect: Dialect;
  readonly branches: EngineBranches;
  /**
   * On connections of its own, for what ends transactions: the others may all be waiting for locks that a prepared branch
   * holds, and that only its end can free.
   */
  readonly commitPool: Session;
  readonly bulk: BulkEngine;

  /** See `Values.queryReadOnly`. */
  queryReadOnly(sql: string, parameters: readonly unknown[]): Promise<unknown[]>;
  /** How many connections broke so far, idle ones too. */
  lostConnections(): number;
  /**
   * Rolls back and rethrows when `work` fails.
   *
   * @param lockWaitMs how long a statement waits for a lock; default: as long as it may take
   */
  transaction<T>(work: (session: Session) => Promise<T>, lockWaitMs?: number): Promise<T>;
  /** A transaction that waits for others of this kind in the same database: no two processes prepare at once. */
  alone<T>(work: (session: Session) => Promise<T>): Promise<T>;
  catalogue(table: string): Promise<CatalogueTable | null>;
  /**
   * A text that is another one after each change of the table's columns and unique keys, at a small part of what `catalogue` costs; null
   * where only that can tell.
   */
  catalogueMark(table: string): Promise<string | null>;
  /** The name of a table with its schema or database, the same however it is written; as given where there is none. */
  qualifiedName(table: string): Promise<string>;
  /** How the control tables came to be what they are: all migrations that this program knows, in order. */
  controlMigrations(): Promise<readonly ControlMigration[]>;
  /** Whether a step of a migration was refused because it was carried out before, and a crash kept that from being noted. */
  isAlreadyDone(error: unknown): boolean;
  /** The routines that `prepare` makes for an entity. */
  routineStatements(bound: BoundEntity): readonly string[];
  /** What a call of the entity's routine names: the routine refuses all but the one that it was made for. */
  fingerprint(bound: BoundEntity): string;
  /** Triggers that note the keys which other sessions write; or what removes them. */
  captureStatements(bound: BoundEntity, on: boolean): readonly string[];
  /** Why the server lets this account make no trigger, with the remedy; null where it does. */
  triggersRefusedReason(): Promise<string | null>;
  /** What changes rows of an entity's tables and fires none of its triggers, where nothing else notes that record; null where nothing does. */
  silentChangeReason(tables: readonly string[]): Promise<string | null>;
  /** See `Capture.captureGap`. */
  captureGap(tables: readonly string[]): Promise<string | null>;
  /** See `Capture.triggerAccounts`. */
  triggerAccounts(): Promise<readonly TriggerAccount[]>;
  /** Whether this entity's routines are there as they are generated now. */
  isPrepared(session: Session, bound: BoundEntity): Promise<boolean>;
  /**
   * Statements that remove what would still write for an entity under a definition that is over, of whatever is there: the routines of
   * those that have left, and, of those that are prepared, routines of another form.
   */
  leftoverStatements(
    session: Session,
    left: readonly string[],
    bound: readonly BoundEntity[],
  ): Promise<string[]>;
  /** Whether nobody else has made them. */
  isOwn(session: Session, bound: BoundEntity): Promise<boolean>;
  readonly lists: ListEngine;
  /** The routine's answer for the item. */
  callWrite(session: Session | null, bound: BoundEntity, request: WriteRequest): Promise<TextCells>;
  /** What a transaction of the caller's calls the entity's touch routine by, in the driver's own form. */
  touchStatement(bound: BoundEntity, request: TouchRequest): TouchStatement;
  /** See `Touches.transactionProbe`. */
  readonly transactionProbe: string | null;
  /** What the codes and numbers of errors mean that such a call meets. */
  readonly touchRefusals: Readonly<Record<string, TouchRefusal>>;
  /** Record and rows of each key from one snapshot, in the order of the keys. */
  readRows(bound: BoundEntity, keys: readonly Key[]): Promise<RawStored[]>;
  /** The rows of each key of an entity that lies in one table, in the order of the keys, by one prepared statement. */
  readCells(bound: BoundEntity, keys: readonly KeyTexts[]): Promise<readonly (readonly Cells[])[]>;
  /**
   * Waits until no write runs under the fence, and keeps new ones out until the transaction ends. No longer than
   * `fenceWaitMs`: all writes that come meanwhile wait behind it.
   */
  lockFence(session: Session, migration: string): Promise<void>;
  /**
   * The route, which stays as it is until the transaction ends, as every write keeps it.
   *
   * @param select gives the query of the row of `state`, from the migration's name as SQL
   */
  shareFence(
    session: Session,
    migration: string,
    select: (migration: string) => string,
  ): Promise<TextCells | null>;
  /** What lets the sequences behind the columns of a table go on above what stands there, never a step back. */
  primeStatements(table: string): Promise<readonly string[]>;
  /** Who uses a table, as far as the server tells. */
  tableUse(table: string): Promise<TableUse>;
  /** Whether policies keep rows of a table from this account: it can then read none, since those would count as absent. */
  hidesRows(table: string): Promise<boolean>;
  settings(): Promise<readonly Setting[]>;
  /** The statements that give an account these rights in this database. */
  grants(rights: RoleRights, account: string): Promise<readonly string[]>;
  /**
   * What of these rights this connection's account lacks beside those on tables and routines.
   *
   * @param isAllowed tells whether an attempt is refused for want of a right
   */
  missingFurther(rights: RoleRights, isAllowed: IsAllowed): Promise<readonly string[]>;
  /** Throws what is no database error, so that a bug is never taken for an outage. */
  classify(error: unknown): StoreFailure;
  isDeadlock(error: unknown): boolean;
  close(): Promise<void>;
}

/** So long, in milliseconds, the fence is waited for at a time. */
export const fenceWaitMs = 2_000;

/**
 * So long a touch waits for the fence, and no longer: its transaction may hold rows for which others queue who have the fence already, and each
 * of those before them in the queue may wait as long, all within what a change of the route waits.
 */
export const touchFenceWaitMs = 50;

/** At most so many connections of a store end transactions, beside those of its pool. */
export const commitConnections = 3;

/** Transactions that are prepared here, and committed or rolled back by whoever knows the decision. */
export interface EngineBranches {
  /** What `work` does is prepared under the name, or rolled back where it is not to be kept. */
  prepare<T>(
    name: BranchName,
    work: (session: Session) => Promise<{ readonly keep: boolean; readonly result: T }>,
  ): Promise<T>;
  /**
   * `absent` where there is no such branch; `held` where the connection that prepared it still lives; `lost` where the server
   * knows it no more and yet keeps its locks.
   */
  end(name: BranchName, how: 'commit' | 'roll back'): Promise<'ended' | 'absent' | 'held' | 'lost'>;
  /** The names of all branches of ours on this server, both parts joined by a colon. */
  list(): Promise<readonly string[]>;
  /** Why the server cannot keep prepared transactions, with the remedy. */
  unavailableReason(): Promise<string | null>;
}

/** How the engine writes what SQL dialects write differently. */
export interface Dialect {
  /** Quotes a name that may be qualified. */
  table(name: string): string;
  column(name: string): string;
  control(table: string): string;
  /** Control tables that this engine alone has; only workers use them. */
  readonly furtherControlTables: readonly string[];
  /** A query for the `name` of each control table that is there, as `control` takes it. */
  readonly controlTables: string;
  /** A query for the `name` of each account whose routines or control tables these are, or where they lie, beside this one and those that may do all. */
  readonly owners: string;
  /** Whether tables have owners too; where they have none, routines of others are made anew. */
  readonly tablesHaveOwners: boolean;
  /** A query for the `name` of each trigger, rule and view where the control tables are. */
  readonly additions: string;
  /** A query for the names of all triggers. */
  readonly triggers: string;
  /** Whether a trigger of that name notes what others write to the entity. */
  isCaptureTrigger(name: string, entity: string): boolean;
  /** What lets `INSERT … SELECT` give a value to a column that numbers itself. */
  readonly overriding: string;
  /** `INSERT` that leaves an existing row as it is; of one row of placeholders, or of `rows`. */
  insertNew(
    table: string,
    columns: readonly string[],
    key: readonly string[],
    rows?: readonly string[],
  ): string;
  /** `INSERT` that replaces the other columns of an existing row. */
  upsert(table: string, columns: readonly string[], key: readonly string[]): string;
  /** SQL for milliseconds since 1970 of a control table's time column. */
  millisecondsOf(column: string): string;
  /** SQL for the time now. */
  readonly now: string;
  /** SQL for the time that many milliseconds ago. */
  ago(ms: number): string;
  /** The SHA-256 of a text in UTF-8, as hexadecimal digits: every server has it, and MySQL 9 has no MD5. */
  sha256(text: string): string;
  /** Puts off what constraints demand, and demands it; null where nothing can be put off. */
  readonly constraints: { readonly defer: string; readonly check: string } | null;
  rename(table: string, to: string): string;
  /** Whether an index serves a comparison of rows, `(a, b) > (x, y)`. */
  readonly comparesRows: boolean;
  /** Puts values together, none of them null, with a bar between. */
  concatBar(values: readonly string[]): string;
  /** The length of a text in bytes. */
  byteLength(text: string): string;
  /** A value of any type, where COALESCE takes it beside a text. */
  asText(value: string): string;
  /** An aggregate: the texts of all rows, a line each, in the order in which they come. */
  stringAgg(text: string): string;
}

export function insertInto(
  table: string,
  columns: readonly string[],
  rows: readonly string[] = [`(${columns.map(() => '?').join(', ')})`],
): string {
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${rows.join(', ')}`;
}
