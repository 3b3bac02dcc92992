import { setCurrentDetails } from '@temporalio/workflow';
import type { Swept } from '../../activities/journal/replicate-captured.ts';
import { longRunningBounded } from '../activities.ts';

/** Sweeps that are not over by then are left to the next run, which Temporal starts every few seconds. */
const sweepsPerRun = 1_000;
const sweepLimitMs = 120_000;

/** Converges the keys that other sessions wrote, until no mark is left. */
export async function sweep(): Promise<{ marks: number; refused: number }> {
  const total = { marks: 0, refused: 0 };
  for (let run = 0; run < sweepsPerRun; run++) {
    const swept: Swept = await longRunningBounded(sweepLimitMs).sweepCaptured();
    total.marks += swept.marks;
    total.refused += swept.refused;
    setCurrentDetails(`**${total.marks}** marks dealt with, ${total.refused} refused`);
    if (swept.done) break;
  }
  return total;
}
