import type { Fence } from './write.ts';

/** The journal of writes, and the records of transactions. */
export const outcomeTables = ['operations', 'decisions'] as const;
export type OutcomeTable = (typeof outcomeTables)[number];

/** A row of an outcome as text, with the ages of its times in milliseconds instead of the times: no two clocks agree. */
export type RecordedOutcome = Readonly<Record<string, string | null>> & { readonly id: string };

export interface OutcomePage {
  /** `uncopied`: those that the other store's journal does not have from here, as far as this one knows. */
  readonly which: 'uncopied' | 'all';
  /** The id behind which the page begins; null at the first. */
  readonly after: string | null;
  readonly youngerThanMs: number;
  readonly limit: number;
}

/** The part of a store that passes on what it has decided, so that an operation sent again elsewhere is known there. */
export interface RecordedOutcomes {
  /** Ascending by id. Not among them is what is open (pending, parked, tentative), and what is older than the retention. */
  recordedOutcomes(table: OutcomeTable, migration: string, page: OutcomePage): Promise<RecordedOutcome[]>;
  /**
   * Takes what the other store, which is the primary under the fence's epoch, has decided: it replaces what this one noted
   * of the same operation. What is pending or parked here stays. Gives the ids that have the other store's outcome now.
   * Throws `Fenced` under another epoch.
   *
   * @param given `restored`: this store was set back, and the other one is not the primary for that. The primary's outcome stands,
   *   whichever it is; what is open here from a time in which the roles were others is replaced
   */
  takeOutcomes(
    table: OutcomeTable,
    outcomes: readonly RecordedOutcome[],
    fence: Fence,
    given?: { restored?: boolean },
  ): Promise<ReadonlySet<string>>;
  /** Notes that the other store has them, unless one has changed meanwhile. */
  markCopied(table: OutcomeTable, outcomes: readonly RecordedOutcome[]): Promise<void>;
}
