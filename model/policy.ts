/** The settings of a migration (`Settings`) as workflows and activities carry them. Times are in milliseconds. */
export interface Policy {
  /** ISO time by which the migration should be over; it shows everywhere when it is not. */
  readonly deadline: string;
  readonly callerTimeoutMs: number;
  readonly primaryGiveUpMs: number;
  readonly secondaryRetryMs: number;
  readonly secondaryRetryMaxMs: number;
  readonly conflictAttempts: number;
  readonly groupSize: number;
  readonly groupsInFlight: number;
  readonly maxWaiting: number;
  readonly maxOwed: number;
  readonly inDoubtMs: number;
  readonly drainLimitMs: number;
  readonly soakMs: number;
  readonly evidenceMaxAgeMs: number;
  readonly evidenceMaxWrongShare: number;
  readonly deadlineReminderMs: number;
  readonly dropLegacyAfterMs: number | null;
  readonly sampleSize: number;
  readonly recheckDelayMs: number;
  readonly readRampSteps: readonly number[];
  readonly readRampSoakMs: number;
  readonly readShadowShare: number;
  readonly readBudget: number;
  readonly readBudgetReads: number;
  readonly readBudgetWindowMs: number;
  readonly readLagLimitMs: number;
  readonly backfillParallel: number;
  readonly backfillChunk: number;
  readonly backfillSlowdown: number;
  readonly validateShare: number;
  readonly validateDelayMs: number;
  readonly validateRepair: boolean;
  readonly journalRetentionMs: number;
  readonly journalRetryEveryMs: number;
  readonly journalRetryAfterMs: number;
  readonly journalPruneEveryMs: number;
}

/** What a write's workflow carries of it. */
export type WritePolicy = Pick<
  Policy,
  'primaryGiveUpMs' | 'secondaryRetryMs' | 'secondaryRetryMaxMs' | 'conflictAttempts' | 'journalRetentionMs'
>;

export function writePolicyOf({
  primaryGiveUpMs,
  secondaryRetryMs,
  secondaryRetryMaxMs,
  conflictAttempts,
  journalRetentionMs,
}: Policy): WritePolicy {
  return {
    primaryGiveUpMs,
    secondaryRetryMs,
    secondaryRetryMaxMs,
    conflictAttempts,
    journalRetentionMs,
  };
}
