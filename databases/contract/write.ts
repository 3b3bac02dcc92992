import type { Image, Key } from '../../model/canonical.ts';
import type { FailureSubject, RefusalDetails, StoreName, Violation } from '../../model/failure.ts';
import type { AnyFailureCode, InnerFailureCode } from '../../model/failure-codes.ts';
import type { OperationKind, OperationStatus } from '../../model/operation.ts';
import type { Version } from '../../model/version.ts';
import type { RecordedRefusal } from './recorded-refusal.ts';

/** Under which fence a call runs. */
export interface Fence {
  readonly migration: string;
  readonly epoch: number;
  /** How long it waits for a key that somebody else holds, in milliseconds. Default: as long as a statement may take. */
  readonly lockWaitMs?: number;
}

/**
 * One guarded write.
 * - `primary`: this store is the primary; it raises the version and refuses what must not be.
 * - `secondary`: this store takes image and version as given, if the version is higher than its own.
 * - `copy`: a backfill; like `secondary`, but a version of 0 never touches a row that is there.
 * - `tentative`: like `secondary`, before the primary has decided. The rows come in, and the record keeps its version: only
 *   the primary gives one, and whatever it gives replaces them. `version` is the proposal.
 */
export interface WriteItem {
  readonly mode: 'primary' | 'secondary' | 'copy' | 'tentative';
  readonly kind: OperationKind | 'restore';
  readonly key: Key;
  /** Null deletes. */
  readonly image: Image | null;
  /** The proposal for `primary`, the given version otherwise. */
  readonly version: Version;
  /** Idempotency: a second write of the same id changes nothing and answers what the first did. */
  readonly operationId: string | null;
  /** What the journal says once the write is in. */
  readonly status: 'pending' | 'completed' | 'tentative';
  /** The caller's condition; a failure is recorded and final. */
  readonly expectedVersion?: Version | null;
  /**
   * The version that `image` was computed from; when the record has changed since, nothing is recorded and the caller
   * tries again.
   */
  readonly readVersion?: Version | null;
  /** Kept in the journal for compensation; `undefined` keeps nothing. */
  readonly before?: Image | null;
  /**
   * The shared records in the write, with their version; null stands for the write's own.
   * Shared records in the image that are not listed are inserted where they are absent and left alone otherwise.
   */
  readonly sharedVersions: readonly SharedRecordVersion[];
}

export interface SharedRecordVersion {
  readonly name: string;
  readonly key: Key;
  readonly version: Version | null;
  readonly digest: string;
}

/**
 * What became of one item. `failed` is a database's own refusal, which a primary has noted under the operation's id; its neighbours in
 * the list are not affected.
 */
export type Outcome =
  | { readonly status: 'applied'; readonly version: Version }
  | {
      readonly status: 'known';
      readonly version: Version | null;
      readonly recorded: OperationStatus;
      readonly reason: string | null;
      /** What the first try was told, where a primary refused it for another reason than `Refusal`. */
      readonly refusal?: RecordedRefusal;
    }
  /** Another write has its operation id. */
  | { readonly status: 'id-taken' }
  | { readonly status: 'superseded'; readonly version: Version }
  | { readonly status: 'refused'; readonly reason: Refusal; readonly version: Version }
  | { readonly status: 'stale-base'; readonly version: Version }
  | { readonly status: 'fenced'; readonly epoch: number | null }
  | { readonly status: 'failed'; readonly failure: StoreFailure };

/** What a primary refuses by itself, because of what the record is. */
export const refusals = ['AlreadyExists', 'NotFound', 'VersionConflict'] as const;
export type Refusal = (typeof refusals)[number];

/** Another row is in the way or is missing, which may change: the secondary tries again. */
export type ConflictCode = Extract<InnerFailureCode, 'UniqueConflict' | 'ForeignKeyConflict'>;

/** A database's error, reduced to what may be shown: names and codes, never values. */
export interface StoreFailure {
  readonly code: ConflictCode | Extract<AnyFailureCode, 'StoreUnavailable' | 'StoreRefused' | 'LossyShape'>;
  /** Absent where the server's code does not say it. */
  readonly about?: FailureSubject | undefined;
  readonly violation?: Violation | undefined;
  /** A table or routine is not there. Whether it is one of ours, the catalogue says. */
  readonly isMissing?: boolean;
  /** The routine was made for another definition than the caller's. */
  readonly isOtherDefinition?: boolean;
  readonly message: string;
  /** What helps a server that takes nothing for now, where it said why. */
  readonly remedy?: string | undefined;
}

export function isConflict(failure: StoreFailure): failure is StoreFailure & { readonly code: ConflictCode } {
  return failure.code === 'UniqueConflict' || failure.code === 'ForeignKeyConflict';
}

const aboutAll: readonly FailureSubject[] = ['schema', 'grants', 'server', 'network'];

/** No row is to blame, and no other row would escape: nothing is to be halved or refused because of it. */
export function isAboutAll({ about }: StoreFailure): boolean {
  return about !== undefined && aboutAll.includes(about);
}

/** What may be told of a server's own refusal beside its message. */
export function refusalDetails({
  about,
  violation,
}: Pick<StoreFailure, 'about' | 'violation'>): RefusalDetails {
  return { ...(about ? { about } : {}), ...(violation ? { violation } : {}) };
}

/** What a primary notes of a server's own refusal. */
export function refusalOfStore(store: StoreName, failure: StoreFailure): RecordedRefusal {
  const { code, message } = failure;
  if (code === 'StoreUnavailable') throw new TypeError('a store that is unavailable has refused nothing');
  return { code, message, store, ...refusalDetails(failure) };
}

/** A key's record and image at one moment. */
export interface StoredRecord {
  readonly key: Key;
  readonly version: Version;
  readonly deleted: boolean;
  /** The operation that made this version, where one did. */
  readonly operationId: string | null;
  readonly digest: string | null;
  /** Null where there is no row. */
  readonly image: Image | null;
  /** The rows are of a write of the pattern `parallel` that the primary has not decided yet, or that could not be undone here. */
  readonly undecided: boolean;
  /** Why the row cannot be read as an image, or its key cannot be used; `image` is null then. */
  readonly unreadable: string | null;
  /** What of the rows the image does not hold, by names of tables and columns; null where it holds all, or the shape allows it. */
  readonly lossy: string | null;
  /** Why the store can have no row of this key, where that is so. */
  readonly neverThere: string | null;
}
