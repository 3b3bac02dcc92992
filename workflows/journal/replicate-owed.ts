import { continueAsNew, log, setCurrentDetails, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { OwedLook } from '../../activities/journal/replicate-owed.ts';
import { descriptionOf } from '../../model/inputs/messages.ts';
import { owedSwitching } from '../activities.ts';
import { owed } from '../messages.ts';
import { startAlone } from '../write/start-alone.ts';

/** So long it looks on: a transaction commits after its touch. What commits later is left to the journal's retry. */
const lingerMs = 5_000;
const firstPauseMs = 250;
const longestPauseMs = 30_000;

export interface ReplicatedOwed {
  readonly completed: number;
  readonly failed: number;
}

/**
 * Replicates what transactions of services have touched, and what services have written by the journal, for as long as they do. They
 * start it, and signal it while it runs. A write that needs more than another try gets a workflow of its own.
 */
export async function replicateOwed(carried: ReplicatedOwed): Promise<ReplicatedOwed> {
  let { completed, failed } = carried;
  let until = Date.now() + lingerMs;
  let pauseMs = firstPauseMs;
  setHandler(
    owed,
    () => {
      until = Date.now() + lingerMs;
    },
    { description: descriptionOf('replicateOwed', 'owed') },
  );
  for (;;) {
    const look: OwedLook = await owedSwitching().replicateOwed();
    completed += look.completed;
    failed += look.failed;
    await Promise.all(look.stuck.map(startAlone));
    if (look.completed > 0) until = Math.max(until, Date.now() + lingerMs);
    const stopped = look.stopped === null ? '' : `. Stopped: ${look.stopped}`;
    setCurrentDetails(`**${completed}** completed, ${failed} refused${stopped}`);
    if (look.stopped === null) {
      pauseMs = firstPauseMs;
      if (Date.now() >= until) return { completed, failed };
    } else {
      log.warn('what is owed is not replicated yet', { reason: look.stopped });
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof replicateOwed>({ completed, failed });
  }
}
