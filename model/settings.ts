import type { Policy } from './policy.ts';

/** Settings of a migration, in groups; `defaultSettings` has what is not given. Times are in milliseconds. */
export interface Settings {
  /** How a write is carried out. */
  readonly write?: Partial<WriteSettings>;
  /** Transactions over both stores. */
  readonly transactions?: Partial<TransactionSettings>;
  /** Going from one phase to the next. */
  readonly phases?: Partial<PhaseSettings>;
  /** Sending reads to modern, and taking them back. */
  readonly reads?: Partial<ReadSettings>;
  /** Copying what was there before. */
  readonly backfill?: Partial<BackfillSettings>;
  /** Comparing both stores. */
  readonly validation?: Partial<ValidationSettings>;
  /** Reading writes back from both stores after they were answered. */
  readonly postWriteValidation?: Partial<PostWriteValidationSettings>;
  /** What is remembered of operations. */
  readonly journal?: Partial<JournalSettings>;
}

export interface WriteSettings {
  /** How long a caller waits before it gets `OutcomeUnknown`; the write goes on. @default 30_000 */
  readonly callerTimeoutMs: number;
  /** How long the primary is tried before the operation is closed as aborted. @default 60_000 */
  readonly primaryGiveUpMs: number;
  /** The first pause between tries of the secondary, which go on until it accepts or refuses. @default 500 */
  readonly secondaryRetryMs: number;
  /** The longest pause between tries of the secondary. @default 30_000 */
  readonly secondaryRetryMaxMs: number;
  /** How often a unique conflict on the secondary is tried again before the write is parked. @default 10 */
  readonly conflictAttempts: number;
  /** The most writes that share a workflow, in each process of a service; 1 gives each write its own. @default 128 */
  readonly groupSize: number;
  /** How many workflows a process of a service waits for at a time, while further writes gather. @default 2 */
  readonly groupsInFlight: number;
  /** The most writes that may wait for their turn in a process of a service; more are refused with `Overloaded`. @default 10_000 */
  readonly maxWaiting: number;
  /**
   * The most writes that may be pending in the primary's journal; more that enter by it, and more touches, are refused with `Overloaded`.
   * It is looked at once a second, and what a process itself adds is counted. @default 100_000
   */
  readonly maxOwed: number;
}

export interface TransactionSettings {
  /** How long a transaction may be prepared and undecided before it is rolled back. @default 30_000 */
  readonly inDoubtMs: number;
}

export interface PhaseSettings {
  /** How long writes may wait while the primary changes, before the old one opens again; keep it well below `callerTimeoutMs`. @default 20_000 */
  readonly drainLimitMs: number;
  /** How long all reads must have been modern before legacy may stop. @default 3_600_000 */
  readonly soakMs: number;
  /** How old the evidence of a validation may be when reads are switched, the primary changes or legacy stops. @default 86_400_000 */
  readonly evidenceMaxAgeMs: number;
  /**
   * The largest share (0…1) of an entity's keys that may be wrong, as far as the evidence proves; with 0, only a comparison of
   * all keys opens a gate. A sample of 3,000 keys without a difference proves 0.001. @default 0.001
   */
  readonly evidenceMaxWrongShare: number;
  /** How long before its deadline a migration that is not over reminds of it. @default 259_200_000 */
  readonly deadlineReminderMs: number;
  /** After how long the renamed legacy tables are dropped; null keeps them for a person to drop. @default null */
  readonly dropLegacyAfterMs: number | null;
}

export interface ReadSettings {
  /** The shares through which `lockstep reads --ramp` goes, each larger than the one before. @default [1, 10, 50, 100] */
  readonly rampSteps: readonly number[];
  /** How long a share must hold before the ramp goes on. @default 600_000 */
  readonly rampSoakMs: number;
  /** Share (0…1) of reads for which the other store is read as well, after the answer, and compared. @default 0.01 */
  readonly shadowShare: number;
  /** Share (0…1) of shadow reads that may disagree, and of reads that modern may leave unanswered; then all reads go to legacy. @default 0.01 */
  readonly budget: number;
  /** Of fewer reads than these, as many may be bad as of these. @default 1_000 */
  readonly budgetReads: number;
  /** How long a read counts for the budget. @default 300_000 */
  readonly budgetWindowMs: number;
  /** How long a write may be pending before reads of its record go to the primary. @default 10_000 */
  readonly lagLimitMs: number;
}

export interface BackfillSettings {
  /** How many key ranges are copied at the same time. @default 2 */
  readonly parallel: number;
  /** The most keys in one chunk, which takes about half a second. @default 50_000 */
  readonly chunkKeys: number;
  /** How many times as long live writes may take while rows are copied, before the copy gives way; 0 never does. @default 1.5 */
  readonly slowdown: number;
}

export interface ValidationSettings {
  /** Size of a sample, in keys of each entity. @default 4_000 */
  readonly sampleKeys: number;
  /** How long to wait before an unequal pair is read again. @default 2_000 */
  readonly recheckDelayMs: number;
}

export interface PostWriteValidationSettings {
  /** Share (0…1) of writes that are read back from both stores. @default 0 */
  readonly share: number;
  /** How long after the write they are read back. @default 5_000 */
  readonly delayMs: number;
  /** Whether a row that was altered meanwhile is repaired. @default false */
  readonly repair: boolean;
}

export interface JournalSettings {
  /**
   * How long the journal remembers operations that are over, at least an hour: for this long an operation may be sent again
   * under its id. What is pending, parked or discarded is kept. @default 604_800_000
   */
  readonly retentionMs: number;
  /** How often pending operations are looked for whose workflow is gone; 0 never looks. @default 60_000 */
  readonly retryEveryMs: number;
  /** How long an operation must have been pending before it is looked for. @default 60_000 */
  readonly retryAfterMs: number;
  /** How often the journal is pruned; 0 never does. @default 3_600_000 */
  readonly pruneEveryMs: number;
}

/** What applies where a migration says nothing. */
export const defaultSettings = {
  write: {
    callerTimeoutMs: 30_000,
    primaryGiveUpMs: 60_000,
    secondaryRetryMs: 500,
    secondaryRetryMaxMs: 30_000,
    conflictAttempts: 10,
    groupSize: 128,
    groupsInFlight: 2,
    maxWaiting: 10_000,
    maxOwed: 100_000,
  },
  transactions: { inDoubtMs: 30_000 },
  phases: {
    drainLimitMs: 20_000,
    soakMs: 3_600_000,
    evidenceMaxAgeMs: 24 * 3_600_000,
    evidenceMaxWrongShare: 0.001,
    deadlineReminderMs: 3 * 24 * 3_600_000,
    dropLegacyAfterMs: null,
  },
  reads: {
    rampSteps: [1, 10, 50, 100],
    rampSoakMs: 600_000,
    shadowShare: 0.01,
    budget: 0.01,
    budgetReads: 1_000,
    budgetWindowMs: 300_000,
    lagLimitMs: 10_000,
  },
  backfill: { parallel: 2, chunkKeys: 50_000, slowdown: 1.5 },
  validation: { sampleKeys: 4_000, recheckDelayMs: 2_000 },
  postWriteValidation: { share: 0, delayMs: 5_000, repair: false },
  journal: {
    retentionMs: 7 * 24 * 3_600_000,
    retryEveryMs: 60_000,
    retryAfterMs: 60_000,
    pruneEveryMs: 3_600_000,
  },
} as const satisfies { readonly [G in keyof Settings]-?: Required<NonNullable<Settings[G]>> };

/** All settings with their defaults, as workflows and activities carry them. */
export function policyOf(deadline: string, given: Settings): Policy {
  const write = { ...defaultSettings.write, ...given.write };
  const phases = { ...defaultSettings.phases, ...given.phases };
  const reads = { ...defaultSettings.reads, ...given.reads };
  const backfill = { ...defaultSettings.backfill, ...given.backfill };
  const validation = { ...defaultSettings.validation, ...given.validation };
  const readBack = { ...defaultSettings.postWriteValidation, ...given.postWriteValidation };
  const journal = { ...defaultSettings.journal, ...given.journal };
  return {
    deadline,
    ...write,
    ...defaultSettings.transactions,
    ...given.transactions,
    ...phases,
    sampleSize: validation.sampleKeys,
    recheckDelayMs: validation.recheckDelayMs,
    readRampSteps: reads.rampSteps,
    readRampSoakMs: reads.rampSoakMs,
    readShadowShare: reads.shadowShare,
    readBudget: reads.budget,
    readBudgetReads: reads.budgetReads,
    readBudgetWindowMs: reads.budgetWindowMs,
    readLagLimitMs: reads.lagLimitMs,
    backfillParallel: backfill.parallel,
    backfillChunk: backfill.chunkKeys,
    backfillSlowdown: backfill.slowdown,
    validateShare: readBack.share,
    validateDelayMs: readBack.delayMs,
    validateRepair: readBack.repair,
    journalRetentionMs: journal.retentionMs,
    journalRetryEveryMs: journal.retryEveryMs,
    journalRetryAfterMs: journal.retryAfterMs,
    journalPruneEveryMs: journal.pruneEveryMs,
  };
}
