import type { Client } from '@temporalio/client';
import type { ActivityContext } from '../activities/context.ts';
import { measureReadsSince } from '../activities/migration/measure-reads.ts';
import { currentState } from '../databases/contract/current-state.ts';
import { LockstepError } from '../model/failure.ts';
import { routes } from '../model/phase.ts';
import { migrationWorkflowId, readsOverBudget } from '../workflows/messages.ts';

export interface ReadsWatch {
  /** Resolves when no look is under way any more. */
  stop(): Promise<void>;
}

const everyMs = 1_000;
/** The workflow may be busy, or the message lost: it is told again. */
const tellAgainMs = 10_000;
const pruneEveryMs = 60_000;
const keptMs = 3_600_000;

/**
 * Looks at what services have counted of their reads while they are shared, and tells the migration's workflow at once where that is
 * over the budget. Here and not in the workflow, whose history would grow with every look.
 */
export function watchReads(context: ActivityContext, temporal: Client): ReadsWatch {
  const { migration, log } = context;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let looking = Promise.resolve();
  let told = { changeNumber: -1, at: 0 };
  let prunedAt = performance.now();

  async function look(): Promise<void> {
    const { phase, changeNumber, readPercent } = await currentState(context);
    if (routes[phase].reads !== 'share') return;
    await prune();
    if (readPercent === 0) return;
    const { fault } = await measureReadsSince(context, changeNumber);
    if (fault === null) return;
    if (told.changeNumber === changeNumber && performance.now() - told.at < tellAgainMs) return;
    log('reads are over their budget', { reason: fault.reason, readPercent, changeNumber });
    await temporal.workflow
      .getHandle(migrationWorkflowId(migration.name))
      .signal(readsOverBudget, { ...fault, changeNumber });
    told = { changeNumber, at: performance.now() };
  }

  async function prune(): Promise<void> {
    if (performance.now() - prunedAt < pruneEveryMs) return;
    prunedAt = performance.now();
    for (const store of [context.stores.legacy, context.stores.modern])
      await store.pruneReads(migration.name, { olderThanMs: keptMs });
  }

  async function once(): Promise<void> {
    try {
      await look();
    } catch (error) {
      // An unavailable or unprepared store is told by those who need it, and so is a Temporal that is away.
      if (!(error instanceof LockstepError))
        log('reads could not be looked at', { reason: error instanceof Error ? error.name : 'unknown' });
    }
    if (!stopped) timer = setTimeout(next, everyMs);
  }

  function next(): void {
    looking = once();
  }

  next();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
