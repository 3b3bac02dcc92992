import type { Image, Key } from '../../model/canonical.ts';
import type { StoreName } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { isSameWrite, type OperationStatus } from '../../model/operation.ts';
import type { Version } from '../../model/version.ts';
import { invalidControlRow } from './control-row.ts';
import type { RecordedRefusal } from './recorded-refusal.ts';
import type { Outcome } from './write.ts';

export interface JournalEntry {
  readonly id: string;
  readonly entity: string;
  readonly key: Key;
  readonly kind: string;
  readonly status: OperationStatus | 'unknown';
  readonly version: Version | null;
  /** Why the row is not as Lockstep writes it: nothing acts on such an entry. Null of all others. */
  readonly fault: string | null;
  /** Of the last try that failed, or of the refusal: names and codes, never values. */
  readonly reason: string | null;
  readonly failure: AnyFailureCode | null;
  /**
   * Where a primary refused it for another reason than what the record is, or the secondary of a `parallel` write refused what the
   * primary had: then it is being undone, or was.
   */
  readonly refusal: RecordedRefusal | null;
  /** How often the other store was tried. */
  readonly attempts: number;
  /** What the record had before, where that was kept; `image` is null where there was no row. */
  readonly before: { readonly image: Image | null } | null;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** One whose row is as Lockstep writes it. */
export type SoundEntry = JournalEntry & { readonly status: OperationStatus; readonly fault: null };

export function isSound(entry: JournalEntry): entry is SoundEntry {
  return entry.fault === null;
}

/** @throws LockstepError `InvalidControlRow` */
export function assertSound(entry: JournalEntry, store?: StoreName): asserts entry is SoundEntry {
  if (entry.fault !== null) throw invalidControlRow(entry.fault, store);
}

export interface JournalFilter {
  readonly migration: string;
  readonly statuses?: readonly OperationStatus[];
  readonly ids?: readonly string[];
  /** Only those of one record. */
  readonly record?: { readonly entity: string; readonly key: Key };
  /** Only entries of this kind, or of one of these entities. */
  readonly owed?: { readonly kind: string; readonly entities: readonly string[] };
  /** Only entries that no try has failed yet, or fewer than `attempts`, the last of them at least `pauseMs` ago. */
  readonly due?: { readonly attempts: number; readonly pauseMs: number };
  /** Only entries whose record has a newer version here by now. */
  readonly overtaken?: boolean;
  /** Only entries that are older than this. */
  readonly olderThanMs?: number;
  /** Goes on behind this entry, in the order of the journal. */
  readonly after?: JournalPosition | null;
  /** Default: the oldest first. */
  readonly newestFirst?: boolean;
  readonly limit: number;
}

export interface JournalPosition {
  readonly createdAtMs: number;
  readonly id: string;
}

/** An operation that a primary refuses for good. */
export interface RefusedOperation {
  readonly id: string;
  readonly key: Key;
  readonly kind: string;
  readonly refusal: RecordedRefusal;
}

/** What the deciding store says of an operation that another store has taken before. */
export interface Decision {
  readonly status: Exclude<OperationStatus, 'pending' | 'tentative' | 'parked'>;
  readonly version: Version | null;
  readonly reason: string | null;
  readonly refusal: RecordedRefusal | null;
}

/** What is open in the journal of a store; ages are those of the oldest. */
export interface JournalBacklog {
  readonly pending: number;
  readonly parked: number;
  /** Taken by a secondary before the primary has decided. */
  readonly tentative: number;
  readonly oldestMs: number | null;
  readonly oldestPendingMs: number | null;
  readonly oldestParkedMs: number | null;
  readonly oldestTentativeMs: number | null;
}

/** What a repeat of an operation is answered by the journal. One that is another operation than the journal has under its id is no repeat. */
export function knownOutcome(
  entry: SoundEntry,
  asked: Pick<JournalEntry, 'entity' | 'key' | 'kind'>,
): Extract<Outcome, { status: 'known' | 'id-taken' }> {
  if (!isSameWrite(entry, asked)) return { status: 'id-taken' };
  const { status: recorded, version, reason, refusal } = entry;
  return { status: 'known', recorded, version, reason, ...(refusal ? { refusal } : {}) };
}
