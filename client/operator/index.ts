/** `lockstep/operator`: what an operator's programs import. */

export type { Evidence } from '../../model/evidence.ts';
export type { BackfillPlan, EntityPlan } from './backfill-plan.ts';
export { planBackfill } from './backfill-plan.ts';
export { planCapture, setCapture } from './capture.ts';
export type { CheckResult } from './doctor.ts';
export { examine } from './doctor.ts';
export type {
  JournalControl,
  JournalQuery,
  LocatedEntry,
  RetriedOperations,
  RetryOptions,
} from './journal-control.ts';
export type { LegacyTableUse, LegacyUse } from './legacy-use.ts';
export type {
  Command,
  KnownFaults,
  MigrationControl,
  MigrationStatus,
  Resolution,
  Step,
} from './migration-control.ts';
export type { OperateOptions, Operator } from './operate.ts';
export { operate } from './operate.ts';
export type { Preparation } from './prepare.ts';
export { planPreparation, prepareStores, registerSearchAttributes } from './prepare.ts';
export type { ReconcileOptions, Reconciliation, ReconciliationControl } from './reconciliation.ts';
export { releaseTables } from './release.ts';
export type { DefinitionDifference } from './running-definition.ts';
