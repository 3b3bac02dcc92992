import { SetBackGuard, withSetBackGuard } from '../databases/deciding/set-back-guard.ts';
import { createBackfillActivities } from './backfill/backfill.ts';
import { createComparisonActivities } from './comparison/compare.ts';
import { createRepairActivities } from './comparison/repair.ts';
import type { ActivityContext } from './context.ts';
import { createJournalActivities } from './journal/journal.ts';
import { createCaptureActivities } from './journal/replicate-captured.ts';
import { createOwedActivities } from './journal/replicate-owed.ts';
import { runningWorkflows } from './journal/running-workflows.ts';
import { bulkResult } from './migration/bulk-result.ts';
import { createFaultActivities } from './migration/measure-faults.ts';
import { createReadActivities } from './migration/measure-reads.ts';
import { createMigrationActivities } from './migration/migrate.ts';
import { createStepActivities } from './migration/steps.ts';
import { createRecoveryActivities } from './transactions/recover.ts';
import { createTransactionActivities } from './transactions/transaction.ts';
import { Completions } from './write/completions.ts';
import { createGroupActivities } from './write/group.ts';
import { LiveLatency, withTiming } from './write/live-latency.ts';
import { createPostWriteValidationActivities } from './write/post-write-validation.ts';
import { replicateActivities } from './write/replicate.ts';
import { replicateGroupActivities } from './write/replicate-group.ts';
import { createRouteActivities } from './write/route.ts';
import { createSaveActivities } from './write/save.ts';
import { StoreOutage } from './write/store-outage.ts';
import { createTentativeActivities } from './write/tentative.ts';
import { createUndoActivities } from './write/undo.ts';
import { createWriteActivities } from './write/write.ts';

export type { ActivityContext } from './context.ts';

/** All activities of a worker, which runs them with the interceptor `carryFailures`. No connection is made here. */
export function createActivities(context: ActivityContext) {
  const latency = new LiveLatency();
  const guard = context.setBackGuard ?? new SetBackGuard(context);
  const stores = withSetBackGuard(withTiming(context.stores, latency), guard);
  const writing = { ...context, stores };
  const shared = { outage: new StoreOutage(context.migration.policy), completions: new Completions(stores) };
  const replicating = replicateActivities(writing, shared);
  return {
    ...createSaveActivities(context),
    ...createWriteActivities(writing, replicating.replicateToSecondary),
    ...replicating,
    ...createGroupActivities(writing),
    ...replicateGroupActivities(writing, shared),
    ...createUndoActivities(writing),
    ...createTentativeActivities(writing),
    ...createPostWriteValidationActivities(context),
    ...createJournalActivities(context),
    runningWorkflows,
    bulkResult,
    ...createTransactionActivities(writing),
    ...createRecoveryActivities(context),
    ...createRouteActivities(context),
    ...createBackfillActivities(context, latency),
    ...createComparisonActivities(context),
    ...createRepairActivities(context),
    ...createCaptureActivities(context),
    ...createOwedActivities({ ...context, setBackGuard: guard }),
    ...createMigrationActivities(context),
    ...createStepActivities(context),
    ...createFaultActivities(context),
    ...createReadActivities(context),
  };
}

export type Activities = ReturnType<typeof createActivities>;
