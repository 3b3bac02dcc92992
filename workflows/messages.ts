import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Evidence, VoidedEvidence } from '../model/evidence.ts';
import type { StoreName } from '../model/failure.ts';
import type { BulkWork } from '../model/inputs/bulk-results.ts';
import type { AskedWrite, WriteReceipt } from '../model/operation.ts';
import type { Phase } from '../model/phase.ts';
import type { Policy } from '../model/policy.ts';
import type { ReadFault } from '../model/read-counts.ts';
import type { SaveAnswer, SaveReceipt, SaveRequest } from '../model/save.ts';
import type { CommitReceipt } from '../model/transaction.ts';
import type { GroupedAnswer, GroupTally } from '../model/write-group.ts';

/** Every message that a workflow of ours takes, and the ids by which they are found. */

export const writeWorkflowId = (migration: string, operationId: string) =>
  `write/${migration}/${operationId}`;
export const writeGroupWorkflowId = (migration: string, id: string) => `write-group/${migration}/${id}`;
export const transactionWorkflowId = (migration: string, operationId: string) =>
  `transaction/${migration}/${operationId}`;
export const recoveryWorkflowId = (migration: string) => `recover/${migration}`;
export { migrationWorkflowId } from '../model/workflow-ids.ts';
export const backfillWorkflowId = (migration: string) => `backfill/${migration}`;
export const validationWorkflowId = (migration: string) => `validate/${migration}`;

export const reconciliationWorkflowId = (migration: string) => `reconcile/${migration}`;
export const replicateCapturedWorkflowId = (migration: string) => `replicate-captured/${migration}`;
export const replicateOwedWorkflowId = (migration: string) => `replicate-owed/${migration}`;
export const journalRetryWorkflowId = (migration: string) => `journal-retry/${migration}`;
export const journalPruneWorkflowId = (migration: string) => `journal-prune/${migration}`;
export const resolveParkedWorkflowId = (migration: string, operationId: string) =>
  `resolve/${migration}/${operationId}`;

/** What a workflow does again and again before it ends, because each workflow is a row in Temporal's list. */
export interface Rounds {
  readonly rounds: number;
  /** From the end of a round to the beginning of the next, in milliseconds. */
  readonly everyMs: number;
}

/** Search attributes: names only, never keys. */
export const searchAttributes = {
  migration: 'LockstepMigration',
  entity: 'LockstepEntity',
  state: 'LockstepState',
  deadline: 'LockstepDeadline',
} as const;

export type Resolution = 'retry' | 'discard' | 'compensate';

export interface WriteStatus {
  readonly stage: 'primary' | 'secondary' | 'parked' | 'compensating' | 'done' | 'failed';
  readonly version: string | null;
  readonly reason: string | null;
}

/** Answers when the write is as durable as its `ack` asks; fails with the write's own failure. Refused where it is not the write that is asked for. */
export const acknowledged = defineUpdate<WriteReceipt, [asked?: AskedWrite | SaveRequest]>('acknowledged');
/** A person's decision about a parked write. */
export const resolve = defineUpdate<void, [Resolution]>('resolve');
export const resolveSignal = defineSignal<[Resolution]>('resolve');
export const writeStatus = defineQuery<WriteStatus>('status');
/** As `acknowledged`, for a save: with a token. */
export const saveAcknowledged = defineUpdate<SaveReceipt, [asked?: AskedWrite | SaveRequest]>('acknowledged');
export const saveManyAcknowledged = defineUpdate<readonly SaveAnswer[]>('acknowledged');

/** Answers when the writes of a group are as durable as their `ack` asks, in their order. */
export const groupAcknowledged = defineUpdate<readonly GroupedAnswer[]>('acknowledged');
export const groupStatus = defineQuery<GroupTally>('status');
/** A transaction of a service's own has touched keys, and may commit soon; or writes have entered by the journal. */
export const owed = defineSignal('owed');

/** What a retry of pending operations has done. */
export interface RetriedOperations {
  /** In the other store, and completed in the journal. */
  readonly completed: number;
  /** Refused again; they stay pending or parked. */
  readonly failed: number;
  /** Of the pattern `parallel`: made good or undone, as the primary has decided. */
  readonly settled: number;
  /** Workflows that waited for a person and were notified. */
  readonly notified: number;
  /** Why the rest was left; null when all were tried. */
  readonly stopped?: string | null;
}

/** About a parked operation whose workflow is gone. */
export interface ParkedDecision {
  readonly operationId: string;
  /** Whose journal has it parked. */
  readonly store: StoreName;
  readonly resolution: Exclude<Resolution, 'retry'>;
  readonly reason: string | null;
}

export interface TransactionStatus {
  readonly stage: 'preparing' | 'finishing' | 'committed' | 'aborted';
  readonly reason: string | null;
}

/** Answers when the transaction is as durable as its `ack` asks; fails with its own failure. Refused where it is not the one that is asked for. */
export const transactionAcknowledged = defineUpdate<CommitReceipt, [asked?: readonly AskedWrite[]]>(
  'acknowledged',
);
export const transactionStatus = defineQuery<TransactionStatus>('status');

/** What a reconciliation found, and what it mended. */
export interface Reconciliation {
  /** Null where it was skipped. Its differences are those that are left. */
  readonly evidence: Evidence | null;
  /** What the evidence speaks of. */
  readonly entities: readonly string[];
  readonly found: number;
  readonly repaired: number;
  /** Keys whose newer version is in the secondary; a person says with `from` which store is right. */
  readonly ahead: number;
  /** Why there was nothing to compare. */
  readonly skipped: string | null;
}

export interface ReconciliationRequest {
  readonly migration: string;
  readonly entities: readonly string[];
  readonly repair: boolean;
  /** Whose rows stand where versions do not decide for the primary, by a person's word; null asks for one. */
  readonly from: StoreName | null;
}

export interface BackfillProgress {
  readonly running: boolean;
  readonly done: boolean;
  readonly total: number;
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  /** Of rows as they travel, and about how many there will have been. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Keys a second within the last minute or so; null where nothing can be said. */
  readonly perSecond: number | null;
  /** From the speed within the last minute; null where that is unknown or nothing moves. */
  readonly secondsLeft: number | null;
  /** Time in which the copy gave way to live writes, all ranges together. */
  readonly throttledSeconds: number;
  /** What it waits for, such as a store that is unavailable or full. */
  readonly waiting: string | null;
  readonly entities: readonly EntityProgress[];
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** Why it came to an end before its time; its checkpoints stay. */
  readonly stopped: string | null;
}

export interface EntityProgress {
  readonly entity: string;
  readonly total: number;
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly done: boolean;
  /** Why it is left out: what the control tables have of it cannot be read. */
  readonly stopped: string | null;
}

/** Who asks for something, and why; null where it was not said. */
export interface Asked {
  readonly by: string | null;
  readonly reason: string | null;
}

/** One condition of a gate, as it was measured. */
export interface Condition {
  readonly name: string;
  readonly met: boolean;
  readonly measured: Readonly<Record<string, string | number | boolean | null>>;
  /** In words. */
  readonly wanted: string;
  /** Whether it is one of caution only, which `force` passes; the others protect data. */
  readonly forcible: boolean;
  /** What is wrong and what to do about it; null where it is met. */
  readonly remedy: string | null;
}

/** A step that passed conditions by force. */
export interface ForcedStep extends Asked {
  readonly at: string;
  readonly from: Phase;
  readonly to: Phase;
  readonly passed: readonly Condition[];
}

export type Step = 'advance' | 'rollback' | 'decommission';

/** A step that waits for its time. */
export interface PlannedStep extends Asked {
  readonly step: Step;
  readonly from: Phase;
  readonly force: boolean;
  /** ISO times; without an end it is tried until it takes place. */
  readonly notBefore: string;
  readonly notAfter: string | null;
  readonly waitingFor: string;
  readonly nextTryAt: string;
}

export interface PhaseEntered extends Partial<Asked> {
  readonly phase: Phase;
  readonly at: string;
}

/** What a step would do, and whether its gate would let it. */
export interface Preview {
  readonly step: Step | 'reads';
  readonly from: Phase;
  /** Null where there is no such phase. */
  readonly to: Phase | null;
  readonly conditions: readonly Condition[];
  /** In words, in their order. */
  readonly steps: readonly string[];
  readonly statements: readonly { readonly store: StoreName; readonly sql: string }[];
}

export interface PreviewRequest {
  readonly step: Preview['step'];
  /** With `reads`: the share that is meant. */
  readonly percent?: number;
}

export interface BackfillRequest {
  /** Entities that begin at their first key; the others go on from their checkpoints. */
  readonly anew?: readonly string[];
}

export interface StepRequest extends Partial<Asked> {
  /** Passes conditions of caution; needs a reason. @default false */
  readonly force?: boolean;
  /** ISO times between which the step takes place, or not at all. @default now, without an end */
  readonly notBefore?: string | null;
  readonly notAfter?: string | null;
}

/** Everything that a migration remembers; changed in one place (`migration/run.ts`). */
export interface MigrationState {
  readonly phase: Phase;
  readonly epoch: number;
  /** See `DurableState`: how often the route has changed, shares too; the last number given out, whether or not a store has it. */
  readonly changeNumber: number;
  readonly readPercent: number;
  readonly writePercent: number;
  readonly paused: boolean;
  /** Who paused it and when, while it is paused. */
  readonly pausedBy: (Asked & { readonly at: string }) | null;
  readonly planned: PlannedStep | null;
  /** Steps that passed conditions by force, the last ones. */
  readonly forced: readonly ForcedStep[];
  readonly deadline: string;
  /** The deadline is nearer than `phases.deadlineReminderMs`, and somebody was told. */
  readonly deadlineNear: boolean;
  readonly overdue: boolean;
  /** Keys a second, all ranges together; null is unlimited. */
  readonly rate: number | null;
  /** Since when all reads are modern. */
  readonly readsModernSince: string | null;
  /** The change of the route that made the share of reads what it is; reads are measured from there. */
  readonly readsSince: number;
  /** The share of reads goes up by itself: when next, and what it waits for beyond that. */
  readonly ramp: { readonly nextAt: string; readonly waits: string | null } | null;
  /** The share of reads went down by itself; null once it went up again. */
  readonly rampedDown: { readonly at: string; readonly from: number; readonly reason: string } | null;
  /** Reads are over their budget, and the share is about to go down. */
  readonly readsOver: ReadFault | null;
  readonly backfill: BackfillProgress | null;
  readonly validating: boolean;
  readonly evidence: Evidence | null;
  /** Why there is none, where there was. */
  readonly evidenceVoided: VoidedEvidence | null;
  readonly lastFailure: string | null;
  readonly history: readonly PhaseEntered[];
  /** When the legacy tables are to be renamed after all, where they could not be in time. */
  readonly renameAt: string | null;
  /** When the renamed legacy tables are dropped, where the policy says so; a pause holds it. */
  readonly dropAt: string | null;
}

/** What a migration answers: what it remembers, and what follows from it. */
export interface MigrationStatus extends Omit<MigrationState, 'readsOver'> {
  /** What it runs by. */
  readonly definition: RunningDefinition;
  readonly migration: string;
  readonly primary: StoreName;
  readonly secondary: StoreName | null;
  /** What is being done right now. */
  readonly busy: string | null;
  /** Whether what is being done can still be cancelled: a change of primary that has not opened the new one. */
  readonly cancellable: boolean;
}

export interface ValidationRequest {
  /** Number of keys; null compares all. */
  readonly sample: number | null;
  readonly seed: number;
}

export const advance = defineUpdate<MigrationStatus, [StepRequest?]>('advance');
export const rollback = defineUpdate<MigrationStatus, [StepRequest?]>('rollback');
export const decommission = defineUpdate<MigrationStatus, [StepRequest?]>('decommission');
/** Gives the retired tables their names back, in the phase before. */
export const undoDecommission = defineUpdate<MigrationStatus, [Partial<Asked>?]>('undoDecommission');
/** Ends the wait of a planned step, or a change of primary before the new one opens. */
export const cancelStep = defineUpdate<MigrationStatus, [Partial<Asked>?]>('cancel');
export const preview = defineUpdate<Preview, [PreviewRequest]>('preview');
export const pause = defineUpdate<MigrationStatus, [Partial<Asked>?]>('pause');
export const resume = defineUpdate<MigrationStatus>('resume');
export const setReadPercent = defineUpdate<MigrationStatus, [number]>('setReadPercent');
/** Lets the share of reads go up by itself, from the one that it is. */
export const rampReads = defineUpdate<MigrationStatus>('rampReads');
export const setWritePercent = defineUpdate<MigrationStatus, [number]>('setWritePercent');
export const setRate = defineUpdate<MigrationStatus, [number | null]>('setRate');
export const apply = defineUpdate<MigrationStatus, [RunningDefinition]>('apply');
export const setDeadline = defineUpdate<MigrationStatus, [string]>('setDeadline');
export const startBackfill = defineUpdate<MigrationStatus, [BackfillRequest?]>('startBackfill');
export const startValidation = defineUpdate<MigrationStatus, [ValidationRequest]>('startValidation');
export const migrationStatus = defineQuery<MigrationStatus>('status');

/**
 * From bulk workflows to their migration: one of this kind ends. Anybody can send it, so it has no more to say; what came of the
 * work is what Temporal has as its result.
 */
export const bulkWorkEnded = defineSignal<[BulkWork]>('bulkWorkEnded');
/** From a reconciliation that repairs: earlier evidence does not speak of the rows that it changes. */
export const repairBegan = defineSignal('repairBegan');

/** What a worker has found of the reads under a change of the route. */
export interface ReadsOverBudget extends ReadFault {
  readonly changeNumber: number;
}
export const readsOverBudget = defineSignal<[ReadsOverBudget]>('readsOverBudget');

/** From a reconciliation, which asks whether it is to wait. */
export const reconciliationStarted = defineSignal('reconciliationStarted');

/** To what runs in bulk. */
export const setPaused = defineSignal<[boolean]>('setPaused');
export const setBackfillRate = defineSignal<[number | null]>('setRate');
export const backfillProgress = defineQuery<BackfillProgress>('progress');

/** What of the configuration a migration's workflow runs by, until another is applied. */
export interface RunningDefinition {
  readonly entities: readonly string[];
  /** Of each entity's definition, by name; see `definitionDigest`. */
  readonly digests: Readonly<Record<string, string>>;
  readonly policy: Pick<
    Policy,
    | 'deadline'
    | 'deadlineReminderMs'
    | 'drainLimitMs'
    | 'soakMs'
    | 'evidenceMaxAgeMs'
    | 'evidenceMaxWrongShare'
    | 'sampleSize'
    | 'backfillParallel'
    | 'dropLegacyAfterMs'
    | 'readRampSteps'
    | 'readRampSoakMs'
  >;
}

/** What a migration is started with. */
export interface MigrationInput extends RunningDefinition {
  readonly migration: string;
  /** Carried through continue-as-new. */
  readonly state: MigrationState | null;
  /** Takes up a migration that is over, whose retired tables get their names back. */
  readonly undo?: Asked;
}
