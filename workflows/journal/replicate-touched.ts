import { continueAsNew, log, setCurrentDetails, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { TouchedLook } from '../../activities/journal/replicate-touched.ts';
import { switching } from '../activities.ts';
import { touched } from '../messages.ts';

/** So long it looks on: a transaction commits after its touch. What commits later is left to the journal's retry. */
const lingerMs = 5_000;
const firstPauseMs = 250;
const longestPauseMs = 30_000;

export interface ReplicatedTouches {
  readonly completed: number;
  readonly failed: number;
}

/** Replicates what transactions of services have touched, for as long as they do. Services start it, and signal it while it runs. */
export async function replicateTouched(carried: ReplicatedTouches): Promise<ReplicatedTouches> {
  let { completed, failed } = carried;
  let until = Date.now() + lingerMs;
  let pauseMs = firstPauseMs;
  setHandler(touched, () => {
    until = Date.now() + lingerMs;
  });
  for (;;) {
    const look: TouchedLook = await switching.replicateTouched();
    completed += look.completed;
    failed += look.failed;
    if (look.completed > 0) until = Math.max(until, Date.now() + lingerMs);
    const stopped = look.stopped === null ? '' : `. Stopped: ${look.stopped}`;
    setCurrentDetails(`**${completed}** completed, ${failed} refused${stopped}`);
    if (look.stopped === null) {
      pauseMs = firstPauseMs;
      if (Date.now() >= until) return { completed, failed };
    } else {
      log.warn('what was touched is not replicated yet', { reason: look.stopped });
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof replicateTouched>({ completed, failed });
  }
}
