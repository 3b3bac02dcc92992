import { Context } from '@temporalio/activity';
import { currentState } from '../../databases/contract/current-state.ts';
import type { JournalEntry } from '../../databases/contract/journal.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { LockstepError } from '../../model/failure.ts';
import { routeOf } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import type { SetBackGuard } from '../write/set-back-guard.ts';
import { completeEntries } from './complete-entries.ts';
import { createEntryConvergence } from './converge-entries.ts';

/** What a look for touched keys came to. */
export interface TouchedLook {
  readonly completed: number;
  readonly failed: number;
  /** Why it ended before its time; null where it did not. */
  readonly stopped: string | null;
}

/** So long one look takes, and with it the shutdown of its worker. */
const lookMs = 1_000;
const pollMs = 100;
const entriesPerBatch = 200;
/** Other rows may be on their way, and make room for one that was refused. */
const conflictPauseMs = 1_000;

/** Replicates what transactions of services have touched. */
export function createTouchedActivities(context: ActivityContext & { readonly setBackGuard: SetBackGuard }) {
  const { migration, stores, wait, setBackGuard } = context;
  const { convergeEntries } = createEntryConvergence(context);

  /** Takes what has committed, and looks again and again for a second. What fails too often is left to the journal's retry. */
  async function replicateTouched(): Promise<TouchedLook> {
    const until = performance.now() + lookMs;
    const { cancellationSignal } = Context.current();
    let [completed, failed] = [0, 0];
    return await withHeartbeat(async () => {
      try {
        while (performance.now() < until && !cancellationSignal.aborted) {
          const batch = await replicateBatch();
          if (batch === null) return { completed, failed, stopped: 'the primary is being changed' };
          completed += batch.completed;
          failed += batch.failed;
          if (batch.completed + batch.failed === 0) await wait(pollMs);
        }
        return { completed, failed, stopped: null };
      } catch (error) {
        const isPassing =
          error instanceof LockstepError && (error.code === 'StoreUnavailable' || error.code === 'Fenced');
        if (!isPassing) throw error;
        return { completed, failed, stopped: error.message };
      }
    });
  }

  /** Null while the primary is being changed, which empties the journal itself. */
  async function replicateBatch(): Promise<{ completed: number; failed: number } | null> {
    const { primary } = routeOf(await currentState(context));
    const entries = await dueEntries(primary);
    if (entries.length === 0) return { completed: 0, failed: 0 };
    // Read after the entries: an older route might have no secondary, and nothing to replicate to.
    const state = await currentState(context);
    const route = routeOf(state);
    if (!state.open || route.primary !== primary) return null;
    return await setBackGuard.decide(primary, async () => {
      const { converged } = await convergeEntries(entries, route);
      await completeEntries(stores[primary], migration.name, converged);
      return { completed: converged.length, failed: entries.length - converged.length };
    });
  }

  async function dueEntries(primary: 'legacy' | 'modern'): Promise<JournalEntry[]> {
    return await stores[primary].journal({
      migration: migration.name,
      statuses: ['pending'],
      kind: touchKind,
      due: { attempts: migration.policy.conflictAttempts, pauseMs: conflictPauseMs },
      limit: entriesPerBatch,
    });
  }

  return { replicateTouched };
}
