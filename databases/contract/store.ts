import type { Image, Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { OperationStatus } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import type { Version } from '../../model/version.ts';
import type {
  Chunk,
  CopyMethod,
  ImagePage,
  LoadResult,
  PageLoad,
  PageRange,
  PageTarget,
  ParentRecord,
  Postponement,
  ReadPage,
  Together,
  UnfitRows,
  WaitingList,
  WaitingPage,
} from './backfill.ts';
import type { Capture, VersionBumps } from './capture.ts';
import type { Differences, Digests, Orphans, PresentKeys, RecordDigests } from './comparison.ts';
import type { Definitions } from './definition.ts';
import type { ForeignPartsOf } from './foreign-parts.ts';
import type {
  Decision,
  JournalBacklog,
  JournalEntry,
  JournalFilter,
  RefusedOperation,
  SoundEntry,
} from './journal.ts';
import type { ReadReports } from './read-reports.ts';
import type { RecordedOutcomes } from './recorded-outcomes.ts';
import type { RecordedRefusal } from './recorded-refusal.ts';
import type { Rights } from './rights.ts';
import type { Setting } from './setting.ts';
import type { Sightings } from './sightings.ts';
import type { TableUse } from './table-use.ts';
import type { Touches } from './touch.ts';
import type { Branches, Decisions } from './transactions.ts';
import type { Values } from './values.ts';
import type { Fence, Outcome, SharedRecordVersion, StoredRecord, WriteItem } from './write.ts';

/** The first of some keys, whose rows are in memory together. */
export interface FittingKeys {
  readonly keys: readonly Key[];
  /** Of their rows, as far as the columns set no limit. */
  readonly bytes: number;
}

/** One of the two databases, with the entities of a migration bound to its tables. */
export interface Store
  extends Branches,
    Capture,
    Decisions,
    Definitions,
    Digests,
    RecordDigests,
    PresentKeys,
    Orphans,
    RecordedOutcomes,
    ReadReports,
    VersionBumps,
    Differences,
    ForeignPartsOf,
    Rights,
    Sightings,
    Touches,
    Values {
  readonly name: StoreName;
  readonly engine: 'mysql' | 'postgresql';
  /** Host, port and database, without credentials. */
  readonly address: string;

  /** How many connections broke so far, idle ones too: the server may be another one since, or have other data. */
  lostConnections(): number;
  /** Throws `StoreUnavailable` naming store, host and port. */
  ping(): Promise<void>;
  /** The statements that `prepare` would run now: the migrations that the control tables lack, and routines. */
  plan(): Promise<readonly string[]>;
  /**
   * Brings control tables and write routines up to what this program needs. Safe to repeat, after a crash too, and beside
   * another process that prepares. Throws `NotPrepared` where a newer program prepared the store, and what
   * `assertDefinable` throws.
   */
  prepare(): Promise<void>;
  /**
   * Throws `InvalidDefinition` where a shape does not fit the tables; `NotPrepared` where the control tables are older or
   * newer than this program (`measured`: `storeVersion`, `programVersion`), or a routine is missing; `DefinitionChanged` where
   * the store is prepared for another definition (`measured`: `revision`, the store's, and `known`, that of this program).
   */
  check(): Promise<void>;
  /** The server's settings that Lockstep depends on, with what is wrong with them. */
  settings(): Promise<readonly Setting[]>;

  readState(migration: string): Promise<DurableState | null>;
  /**
   * Takes the fence exclusively. Repeating is harmless. Throws `Fenced` where the store has a later change of the route, or
   * a higher epoch.
   *
   * @param given `replaces`: the number of the change that the store must have now; by default any earlier one
   */
  writeState(state: DurableState, given?: { replaces?: number }): Promise<void>;

  /** Takes the fence as `writeState` does, and lets go of it. Throws `StoreUnavailable` where something holds it for long. */
  lookAtFence(migration: string): Promise<void>;

  /** One round trip. Outcomes in the order of the items. Throws only where the store cannot be reached. */
  write(entity: Entity, items: readonly WriteItem[], fence: Fence): Promise<readonly Outcome[]>;
  /**
   * Closes an operation id: it is aborted, unless the journal has it; then its entry is returned.
   * Waits for a transaction that is about to insert the id.
   *
   * @param options.primary the epoch under which this store must be the primary; throws `Fenced` where it is not any more,
   *   because what it closes then would not be known to the new one
   */
  abort(
    entry: { id: string; entity: string; key: Key; kind: string },
    migration: string,
    options?: { primary?: { epoch: number } },
  ): Promise<SoundEntry>;
  /**
   * Notes that the primary refuses operations of an entity for good, each unless the journal has it. Gives the entries that stand,
   * in the order of the operations. Throws `Fenced` where this store is not the primary under the fence's epoch.
   */
  refuse(entity: Entity, operations: readonly RefusedOperation[], fence: Fence): Promise<SoundEntry[]>;
  /** What the primary has decided of an operation that this store took before; changes nothing that was decided here. */
  settleTentative(id: string, decision: Decision): Promise<void>;
  /** Removes a tentative entry, whose rows are undone, and leaves its id free. */
  forgetTentative(id: string): Promise<void>;
  /** Changes nothing about an entry that is finished already; only `compensated` follows `completed`. */
  setOperationStatus(ids: readonly string[], status: OperationStatus, reason?: string): Promise<void>;
  /** Completes what is pending, but for entries whose undo may have begun: those keep what the other store said. */
  completePending(ids: readonly string[]): Promise<void>;
  /**
   * Notes why an operation that this store has is about to be undone, where it is not known yet: once it is compensated, a repeat is
   * told the same.
   */
  noteRefusal(id: string, refusal: RecordedRefusal): Promise<void>;
  /** Parks an operation for a person; with `undoing`, one that has taken effect here and could not be undone. */
  park(id: string, parked: { failure: AnyFailureCode; reason: string; undoing?: boolean }): Promise<void>;
  /** Notes a try of the other store that failed, where the operation is still open. */
  recordAttempt(ids: readonly string[], failure: AnyFailureCode, reason: string): Promise<void>;
  journal(filter: JournalFilter): Promise<JournalEntry[]>;
  journalBacklog(migration: string): Promise<JournalBacklog>;
  /**
   * Removes at most `limit` entries that were finished longer ago than `olderThanMs`, and gives their number. What is
   * pending, parked or discarded stays: it is the reason for a difference.
   */
  prune(migration: string, limits: { olderThanMs: number; limit: number }): Promise<number>;
  /**
   * Removes at most `limit` records of transactions that were decided longer ago than `olderThanMs`, and gives their number.
   *
   * @param except keys of transactions that have a branch in either store: how it ends stands in their records
   */
  pruneDecisions(
    migration: string,
    limits: { olderThanMs: number; limit: number; except: readonly string[] },
  ): Promise<number>;

  /** Why the tables would round a time of the image; null where they keep it. See `TooFine`. */
  tooFineReason(entity: Entity, image: Image): string | null | Promise<string | null>;
  /** Why nothing can be done with the key in this store, with the remedy; null where something can. */
  unusableKeyReason(entity: Entity, key: Key): string | null | Promise<string | null>;
  /** Images in the order of the keys, each pair of record and rows from one snapshot. */
  read(entity: Entity, keys: readonly Key[]): Promise<StoredRecord[]>;
  /** Distinct keys of rows, ascending in the store's own order. */
  keys(entity: Entity, page: { after: Key | null; upTo: Key | null; limit: number }): Promise<Key[]>;
  /** Of some keys the first whose rows have at most so many bytes together; at least one. With `after` they ascend, and are all behind it. */
  fittingKeys(
    entity: Entity,
    keys: readonly Key[],
    page: { readonly after?: Key | null; readonly maxBytes: number },
  ): Promise<FittingKeys>;
  /** Keys that cut the rows into about `parts` equal ranges, ascending. */
  boundaries(entity: Entity, parts: number): Promise<Key[]>;
  /** A uniform sample of the keys; the same seed gives the same sample of the same rows. */
  sample(entity: Entity, count: number, seed: number): Promise<Key[]>;
  countKeys(entity: Entity): Promise<number>;
  /** About as many, at once, for large tables; see `countKeys` for small ones. */
  estimateKeys(entity: Entity): Promise<number>;
  /** The tables' columns with their types, as they are now; the binding to them is renewed where they have changed. */
  fingerprint(entity: Entity): Promise<readonly string[]>;
  /** The guards of shared records that were written through Lockstep. */
  guards(
    shared: readonly { readonly name: string; readonly key: Key }[],
  ): Promise<(SharedRecordVersion & { version: Version })[]>;
  /** Keys that have a record of a version above 0, ascending by key text, and the text of the last one. */
  recorded(
    entity: Entity,
    page: { after: string | null; limit: number },
  ): Promise<{ keys: Key[]; last: string | null }>;
  /** The distinct copies that a denormalized table holds of a shared record. */
  sharedCopies(entity: Entity, shared: string, key: Key): Promise<Image[]>;

  chunks(migration: string, entity: string): Promise<Chunk[]>;
  planChunks(migration: string, entity: string, bounds: readonly Key[]): Promise<void>;
  /** @param entities null is every one */
  clearChunks(migration: string, entities: readonly string[] | null): Promise<void>;
  /** Pages of an entity with rows whose parents were not there; see `PageLoad.again`. */
  waitingPages(migration: string, entity: string, list: WaitingList): Promise<WaitingPage[]>;
  /** For each item what its rows refer to that is not there; null where that is no record of an entity. */
  missingParents(entity: Entity, items: readonly WriteItem[]): Promise<(readonly ParentRecord[] | null)[]>;
  /**
   * Records that refer to one another, in one transaction: what a constraint asks for is put off, or filled in at its end. Gives how
   * many came in; null where one of them is refused, and none is in.
   */
  copyTogether(groups: readonly Together[], fence: Fence): Promise<number | null>;
  /** The entities of whose tables this one's refer to a row, by foreign keys: itself among them, where they do. */
  parentEntities(entity: Entity): Promise<string[]>;
  /** A page of a column map for the other store's tables; null where a shape has functions. */
  readPage(entity: Entity, target: PageTarget, range: PageRange): Promise<ReadPage | null>;
  copyMethod(entity: Entity, target: PageTarget): Promise<CopyMethod>;
  /** Reads every row, and counts those that cannot be read or that the other store would refuse as they are; changes nothing. */
  scan(entity: Entity, target: PageTarget): Promise<UnfitRows[]>;
  /** Statements that make the indexes of an entity's tables which a copy does not need. */
  secondaryIndexes(entity: Entity): Promise<readonly string[]>;
  /** Images that lie in one table, with their keys; null where the shape has several. */
  readImages(entity: Entity, range: PageRange): Promise<ImagePage | null>;
  /** What the other store's `readPage` has to know of this one. */
  pageTarget(entity: Entity): Promise<PageTarget>;
  /** Why rows come in more slowly than they could, with the remedy; null where they do not. */
  slowLoadReason(): Promise<string | null>;
  /** Rows by the bulk load, and their checkpoint, in one transaction. Throws `Fenced` under another route. */
  loadPage(entity: Entity, load: PageLoad, fence: Fence): Promise<LoadResult>;
  /** Moves a range past keys that wait from now on, unread. False where somebody else has moved it. Throws `Fenced` under another route. */
  postponePage(entity: Entity, postponed: Postponement, fence: Fence): Promise<boolean>;
  /** Lets sequences and identities go on above the rows that are there, in whose numbers they had no part; never a step back. */
  primeSequences(entity: Entity): Promise<void>;
  /** What `primeSequences` would run now. */
  primeStatements(entity: Entity): Promise<readonly string[]>;

  /** Renames the tables an entity owns, each once and never again; gives the statements it ran. */
  renameLegacyTables(entity: Entity): Promise<string[]>;
  /** Drops those that `renameLegacyTables` has renamed. */
  dropRetired(entity: Entity): Promise<string[]>;
  /**
   * Gives renamed tables their names back, each once. Throws `GateRefused`, before anything is renamed, where one is dropped or
   * its name was taken since.
   */
  restoreRetired(entity: Entity): Promise<string[]>;
  /** What `renameLegacyTables` and `dropRetired` would run. */
  retirementStatements(entity: Entity): Promise<{ readonly rename: string[]; readonly drop: string[] }>;
  /** Who uses the tables that the entities own, as far as the database tells. */
  tableUse(): Promise<TableUse[]>;
  /** Those that are renamed and not dropped, by their new names. */
  retiredTables(): Promise<string[]>;

  close(): Promise<void>;
}

/** Both, of one migration. */
export type Stores = Readonly<Record<StoreName, Store>>;
