import type { InputSchema } from '../model/inputs/input-fault.ts';
import * as journal from '../model/inputs/journal-inputs.ts';
import * as migration from '../model/inputs/migration-inputs.ts';
import * as write from '../model/inputs/write-inputs.ts';
import type * as workflows from './index.ts';

type WorkflowType = keyof typeof workflows;

/** For each argument of a workflow: a schema of its type, or of a part of it. */
type ArgumentSchemas<T extends readonly unknown[]> = { readonly [I in keyof T]: InputSchema };

/** What each workflow is started with, argument by argument. */
export const inputSchemas: {
  readonly [T in WorkflowType]: ArgumentSchemas<Required<Parameters<(typeof workflows)[T]>>>;
} = {
  write: [write.writeInput],
  writeGroup: [write.writeGroupInput],
  transaction: [write.transactionInput],
  save: [write.saveRequest],
  saveMany: [write.saveManyRequest],
  migration: [migration.migrationInput],
  backfill: [migration.backfillInput],
  validate: [migration.validationInput],
  reconcile: [migration.reconciliationInput],
  pruneJournal: [],
  recoverTransactions: [journal.perhapsRounds],
  replicateCaptured: [journal.perhapsRounds],
  replicateOwed: [journal.replicatedOwed],
  resolveParked: [journal.parkedDecision],
  retryFailedOperations: [journal.retryInput],
};

/** Where a run leaves something to the next one that is for it alone: a run that follows none has null there. */
export const carriedIn: Readonly<Partial<Record<string, string>>> = {
  migration: 'state',
  reconcile: 'carried',
  retryFailedOperations: 'carried',
} satisfies Partial<Record<WorkflowType, string>>;
