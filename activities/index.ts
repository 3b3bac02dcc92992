import { backfillActivities } from './backfill.ts';
import { compareActivities } from './compare.ts';
import type { ActivityContext } from './context.ts';
import { carryingFailures } from './failures.ts';
import { journalActivities } from './journal.ts';
import { LiveLatency, timed } from './live-latency.ts';
import { lookBackActivities } from './look-back.ts';
import { countingVerdicts, measuring } from './metrics.ts';
import { migrateActivities } from './migrate.ts';
import { recoverActivities } from './recover.ts';
import { repairActivities } from './repair.ts';
import { routeActivities } from './route.ts';
import { sweepActivities } from './sweep.ts';
import { transactionActivities } from './transaction.ts';
import { notingTries } from './tries.ts';
import { undoActivities } from './undo.ts';
import { writeActivities } from './write.ts';

export type { ActivityContext } from './context.ts';

/** All activities of a worker. No connection is made here. */
export function createActivities(context: ActivityContext) {
  const latency = new LiveLatency();
  const writing = { ...context, stores: timed(context.stores, latency) };
  return carryingFailures({
    ...measuring(context, notingTries(context, writeActivities(writing))),
    ...undoActivities(writing),
    ...countingVerdicts(context, lookBackActivities(context)),
    ...journalActivities(context),
    ...transactionActivities(writing),
    ...recoverActivities(context),
    ...routeActivities(context),
    ...backfillActivities(context, latency),
    ...compareActivities(context),
    ...repairActivities(context),
    ...sweepActivities(context),
    ...migrateActivities(context),
  });
}

export type Activities = ReturnType<typeof createActivities>;
