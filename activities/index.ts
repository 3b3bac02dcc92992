import { backfillActivities } from './backfill/backfill.ts';
import { compareActivities } from './comparison/compare.ts';
import { repairActivities } from './comparison/repair.ts';
import type { ActivityContext } from './context.ts';
import { journalActivities } from './journal/journal.ts';
import { sweepActivities } from './journal/replicate-captured.ts';
import { migrateActivities } from './migration/migrate.ts';
import { recoverActivities } from './transactions/recover.ts';
import { transactionActivities } from './transactions/transaction.ts';
import { LiveLatency, timed } from './write/live-latency.ts';
import { lookBackActivities } from './write/post-write-validation.ts';
import { replicateActivities } from './write/replicate.ts';
import { routeActivities } from './write/route.ts';
import { undoActivities } from './write/undo.ts';
import { writeActivities } from './write/write.ts';

export type { ActivityContext } from './context.ts';

/** All activities of a worker, which runs them with the interceptor `carryFailures`. No connection is made here. */
export function createActivities(context: ActivityContext) {
  const latency = new LiveLatency();
  const writing = { ...context, stores: timed(context.stores, latency) };
  return {
    ...writeActivities(writing),
    ...replicateActivities(writing),
    ...undoActivities(writing),
    ...lookBackActivities(context),
    ...journalActivities(context),
    ...transactionActivities(writing),
    ...recoverActivities(context),
    ...routeActivities(context),
    ...backfillActivities(context, latency),
    ...compareActivities(context),
    ...repairActivities(context),
    ...sweepActivities(context),
    ...migrateActivities(context),
  };
}

export type Activities = ReturnType<typeof createActivities>;
