import type { ReadCounts } from '../../model/read-counts.ts';

/** What one service has counted, for a while, under one change of the route. */
export interface ReadReport {
  readonly id: string;
  readonly changeNumber: number;
  readonly counts: ReadCounts;
}

/** What all services have counted. */
export interface ReportedReads {
  readonly counts: ReadCounts;
  /** How long ago, in milliseconds, legacy answered last where modern failed or lagged; at most a minute too few; null where it never did. */
  readonly lastFallbackMs: number | null;
}

/** The notes of services about their reads, which outlive their processes. */
export interface ReadReports {
  /** Replaces what was reported under this id, so that it may be sent again. */
  reportReads(migration: string, report: ReadReport): Promise<void>;
  /**
   * @param since the change of the route from which on reports count
   * @param withinMs only reports that are not older; null takes all
   */
  reportedReads(migration: string, given: { since: number; withinMs: number | null }): Promise<ReportedReads>;
  /** Removes reports that are older, but for that of the last fallback. */
  pruneReads(migration: string, given: { olderThanMs: number }): Promise<void>;
}
