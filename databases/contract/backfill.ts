import type { Image, Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreFailure, WriteItem } from './write.ts';

/** What the source has to know of the target: the tables that a page is made for. It is made, and read, by stores only. */
export interface PageTarget {
  /** A shared row that differs must be refused, which only the write routine does. */
  readonly refusesShared: boolean;
  /** A page of images; those that the shape cannot turn into rows are told apart, with the reason. */
  readonly pageOf: (records: readonly { key: Key; image: Image }[]) => {
    page: CopyPage;
    notLoadable: { key: Key; failure: StoreFailure }[];
  };
}

/** Rows of some keys on their way from one store to the other, in a form that only stores read. */
export interface CopyPage {
  readonly keys: number;
  readonly bytes: number;
  readonly keyAt: (position: number) => Key;
  /** Positions of keys that nothing can be done with in the target: they take the long way, which says why. */
  unusable(): readonly number[];
  /** To be called once, when nobody reads the page any more. */
  release(): void;
}

export interface PageRange {
  readonly after: Key | null;
  readonly upTo: Key | null;
  readonly limit: number;
  /** A page of rows ends with the row by which it has so many bytes. Default: it does not. */
  readonly maxBytes?: number;
}

export interface CopyMethod {
  readonly by: 'rows' | 'images';
  /** Columns of which every value takes the way over its canonical form. */
  readonly converted: readonly string[];
}

export interface ReadPage {
  readonly page: CopyPage;
  /** Keys whose rows some cell refuses: they take the long way, which says why. */
  readonly notLoadable: readonly Key[];
  /** Where the next page begins; null where no row was left. */
  readonly last: Key | null;
  readonly full: boolean;
}

/** Keys of a chunk whose rows cannot come in with its page. */
export interface Leftover {
  /** For the write routine. */
  readonly items: readonly WriteItem[];
  readonly unreadable: readonly { readonly key: Key; readonly reason: string }[];
  /** Keys of `items` whose images do not hold all that stands in the source's rows. */
  readonly lossy: readonly { readonly key: Key; readonly reason: string }[];
}

/** A stretch of keys that was read, and some of whose rows refer to rows that were not there yet. */
export interface WaitingPage extends Pick<Chunk, 'entity' | 'range'> {
  /** Counts within its range, in the order of the keys. */
  readonly page: number;
  /** Exclusive lower and inclusive upper bound; null is open. */
  readonly lower: Key | null;
  readonly upper: Key | null;
  /** How many of its keys wait, and how many were refused for another reason. */
  readonly waiting: number;
  readonly refused: number;
}

/** Waiting pages in order, or from the last one to the first. */
export interface WaitingList {
  readonly backwards: boolean;
  /** Goes on behind this page. */
  readonly after: Pick<WaitingPage, 'range' | 'page'> | null;
  readonly limit: number;
}

/** A record that another one refers to. */
export interface ParentRecord {
  readonly entity: string;
  readonly key: Key;
}

/** Records of an entity that come in together with those of others. */
export interface Together {
  readonly entity: Entity;
  readonly items: readonly WriteItem[];
}

/** A page that is read once more. */
export interface Again {
  readonly of: WaitingPage;
  /** Whether what lacks its parents still is refused now, because nothing came in for a whole round. */
  readonly isLast: boolean;
}

/** A chunk on its way: its page and leftover, and where the range stands before and after it. */
export interface PageLoad {
  readonly page: CopyPage;
  /** Positions of the page that stay out of the bulk load; their keys are in `leftover`. */
  readonly except: readonly number[];
  readonly leftover: Leftover;
  /** The cursor that the range must still have. */
  readonly from: Chunk;
  /** The cursor and the end that it has afterwards; of a page that is read again, how far that has come. */
  readonly next: Pick<Chunk, 'cursor' | 'done'>;
  /** Looks for rows that are there before it loads: set where the chunk before found some. */
  readonly checkExisting: boolean;
  /** Looks for the rows that others refer to before it loads: set where the chunk before was out of order. */
  readonly checkParents: boolean;
  /** Set where the page was waiting: then the range's cursor stays where it is. */
  readonly again?: Again | undefined;
}

/** A chunk whose rows are left for later. */
export interface Postponement extends Pick<PageLoad, 'from' | 'next'> {
  readonly keys: number;
}

/**
 * - `committed`: rows, leftover, differences and checkpoint are in, in one transaction.
 * - `overtaken`: somebody else has moved the range on. Nothing was written; the checkpoint is to be read again.
 * - `rejected`: the bulk load does not take these positions of the page. Nothing was written; it is to be loaded again
 *   without them, and with what the source has of their keys as leftover.
 */
export type LoadResult =
  | {
      readonly status: 'committed';
      readonly copied: number;
      readonly skipped: number;
      readonly refused: number;
      /** Keys that lack rows which they refer to; they are read again when more is there. */
      readonly waiting: number;
      /** Some rows were there already. */
      readonly foundExisting: boolean;
      /** Some rows had to wait for others, or to come behind them. */
      readonly outOfOrder: boolean;
    }
  | { readonly status: 'overtaken' }
  | { readonly status: 'rejected'; readonly positions: readonly number[] };

export interface ImagePage {
  readonly records: readonly { readonly key: Key; readonly image: Image }[];
  /** Keys whose rows cannot be read as an image, or are more than it. */
  readonly notLoadable: readonly Key[];
  readonly last: Key | null;
  readonly full: boolean;
}

/** Rows that the other store cannot take as they are, or that cannot be read, by the reason. */
export interface UnfitRows {
  /** The column, or the entity where a shape's functions decide. */
  readonly at: string;
  readonly reason: string;
  readonly rows: number;
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
