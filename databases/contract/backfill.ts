import type { Image, Key } from '../../model/canonical.ts';
import type { BoundEntity, BoundTable } from '../columns/mapping.ts';
import type { CopyText } from '../copy-format/copy-text.ts';
import type { StoreFailure, WriteItem } from './write.ts';

/** What the source has to know of the target: its tables, and how a text of a page begins there. */
export interface PageTarget {
  readonly bound: BoundEntity;
  /** A shared row that differs must be refused, which only the write routine does. */
  readonly refusesShared: boolean;
  /** What stands before a column's text, by column; see `BulkEngine.prefix`. */
  prefix(column: string): string;
  /** A page of images; those that the shape cannot turn into rows are told apart, with the reason. */
  pageOf(records: readonly { key: Key; image: Image }[]): {
    page: CopyPage;
    unfit: { key: Key; failure: StoreFailure }[];
  };
}

export interface PageRange {
  readonly after: Key | null;
  readonly upTo: Key | null;
  readonly limit: number;
}

export interface CopyWay {
  readonly by: 'rows' | 'images';
  /** Columns of which every value takes the way over its canonical form. */
  readonly converted: readonly string[];
}

export interface ReadPage {
  readonly page: CopyPage;
  /** Keys whose rows some cell refuses: they take the long way, which says why. */
  readonly unfit: readonly Key[];
  /** Where the next page begins; null where no row was left. */
  readonly last: Key | null;
  readonly full: boolean;
}

/** A chunk on its way: its rows, what takes the long way, and where the range stands before and after it. */
export interface CopyChunk {
  readonly page: CopyPage;
  /** Keys that take the long way from the start. */
  readonly unfit: readonly Key[];
  /** The cursor that the range must still have. */
  readonly from: Chunk;
  /** The cursor and the end that it has afterwards. */
  readonly next: Pick<Chunk, 'cursor' | 'done'>;
  /** Items for the guarded copy of keys whose rows cannot come in with the others, and those that cannot be read. */
  readonly slowly: (keys: readonly Key[]) => Promise<{
    items: readonly WriteItem[];
    unreadable: readonly { key: Key; reason: string }[];
  }>;
  /** Looks for rows that are there before it loads: set where the chunk before met some. */
  readonly wary: boolean;
}

export interface CopyResult {
  /** False where somebody else has moved the range on: nothing was written, and the checkpoint is to be read again. */
  readonly taken: boolean;
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  /** Some rows were there already. */
  readonly met: boolean;
}

export interface ImagePage {
  readonly records: readonly { readonly key: Key; readonly image: Image }[];
  /** Keys whose rows cannot be read as an image. */
  readonly unfit: readonly Key[];
  readonly last: Key | null;
  readonly full: boolean;
}

/** The rows of a page that belong to one table, as the target's columns take them. */
export interface CopyPart {
  readonly table: BoundTable;
  readonly text: CopyText;
  /** The first row of each key, where a key may have none or several; null where each has one. */
  readonly firsts: readonly number[] | null;
}

/** Rows of some keys on their way from one store to the other. */
export interface CopyPage {
  readonly bound: BoundEntity;
  readonly keys: number;
  readonly bytes: number;
  /** In writing order. */
  readonly parts: readonly CopyPart[];
  keyAt(position: number): Key;
  /** To be called once, when nobody reads the page any more. */
  release(): void;
}

/** A key range of a backfill and how far it has come. */
export interface Chunk {
  readonly entity: string;
  readonly range: number;
  /** Exclusive lower and inclusive upper bound; null is open. */
  readonly lower: Key | null;
  readonly upper: Key | null;
  readonly cursor: Key | null;
  readonly done: boolean;
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  /** Of the rows that came in by the bulk load. */
  readonly bytes: number;
}
