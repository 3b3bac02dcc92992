import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';

/** Whether a store can hash an entity's rows, and in which order it keeps their keys. */
export interface Digestible {
  /** How each part of the key sorts; two stores of one order agree on what lies in a range. */
  readonly order: readonly ('value' | 'bytes')[];
  /** The most rows that one digest may cover. */
  readonly maxRows: number;
}

/** Hashes of rows, made inside the database, so that equal ranges are told without sending a row. */
export interface Digests {
  /** Null where the rows have to be read: shapes of functions, columns without canonical text, keys of unlike order. */
  digestible(entity: Entity): Promise<Digestible | null>;
  /** Whether the key can be the end of a range in this store. */
  holdsKey(entity: Entity, key: Key): Promise<boolean>;
  /**
   * Up to `count` keys inside a range, each `rows` rows further; fewer where the rows end. Whole numbers are spread evenly
   * instead, which asks for one key and not for all: where they are not even themselves, some ranges hold more rows.
   */
  steps(entity: Entity, within: KeyRange, rows: number, count: number): Promise<Key[]>;
  /** One digest a range, in their order, by one statement. */
  digests(entity: Entity, ranges: readonly KeyRange[]): Promise<RangeDigest[]>;
  rowDigests(entity: Entity, range: KeyRange): Promise<{ key: Key; digest: string }[]>;
}

export interface RangeDigest {
  readonly rows: number;
  /** Null where there is no row. */
  readonly digest: string | null;
}

/** A stretch of keys in a store's own order: above `lower`, up to and including `upper`; null is open. */
export interface KeyRange {
  readonly lower: Key | null;
  readonly upper: Key | null;
}

/** A stretch of records by key text: above `lower`, up to and including `upper`; null is open. */
export interface TextRange {
  readonly lower: string | null;
  readonly upper: string | null;
}

/** Hashes of an entity's records: what the guards of two stores know of its keys, rows apart. */
export interface RecordDigests {
  recordSteps(entity: string, within: TextRange, records: number, count: number): Promise<string[]>;
  recordDigests(entity: string, ranges: readonly TextRange[]): Promise<RangeDigest[]>;
  /** Each record's key text and hash. */
  recordHashes(entity: string, range: TextRange): Promise<{ key: string; digest: string }[]>;
}

/** Which of some keys have a row, without reading what the rows hold. */
export interface PresentKeys {
  missingKeys(entity: Entity, keys: readonly Key[]): Promise<Key[]>;
}

/** Rows in further tables that no record holds, since the first table has none of their key. */
export interface Orphans {
  /** Their keys, each once. */
  orphanKeys(entity: Entity, after: string | null, limit: number): Promise<OrphanPage>;
}

/** Keys that differ, or that a store refused, with the reason. */
export interface Differences {
  /** A key has one difference: the last that was found. */
  recordDifferences(migration: string, differences: readonly Difference[]): Promise<void>;
  /** The oldest first. */
  differences(migration: string, limit: number): Promise<Difference[]>;
  /** The work list of a repair: an entity's differences by key text. */
  unresolvedDifferences(migration: string, entity: string, page: DifferencePage): Promise<Difference[]>;
  countDifferences(migration: string): Promise<{ entity: string; verdict: Verdict; count: number }[]>;
  /** Differences by entity, verdict and reason, those of most keys first, each with a few of its keys. */
  groupedDifferences(migration: string, limits: { groups: number; keys: number }): Promise<DifferenceGroup[]>;
  resolveDifferences(migration: string, entity: string, keys: readonly Key[]): Promise<void>;
}

export interface DifferenceGroup extends Omit<Difference, 'key'> {
  readonly count: number;
  /** The oldest of them. Keys are row content. */
  readonly keys: readonly Key[];
}

export interface DifferencePage {
  readonly verdicts: readonly Verdict[];
  /** The text of the last key before the page; null begins. */
  readonly after: string | null;
  readonly limit: number;
  /** Only those of these keys. */
  readonly keys?: readonly Key[];
}

export const verdicts = [
  'missing',
  'mismatch',
  'extra',
  'stale',
  'ahead',
  'ambiguous',
  'refused',
  'unreadable',
  'lossy',
] as const;

/**
 * - `ahead`: the secondary has a newer version than the primary, which only a person may decide about
 * - `lossy`: a store's rows hold more than its shape gives back
 */
export type Verdict = (typeof verdicts)[number];

export interface Difference {
  readonly entity: string;
  readonly key: Key;
  readonly verdict: Verdict;
  /** Field names or codes, never values. */
  readonly reason: string;
}

export interface OrphanPage {
  readonly keys: readonly Key[];
  /** Where the next page begins; null at the end. */
  readonly next: string | null;
}
