import { setCurrentDetails } from '@temporalio/workflow';
import type { CapturedBatch } from '../../activities/journal/replicate-captured.ts';
import { longRunningBounded } from '../activities.ts';

/** Sweeps that are not over by then are left to the next run, which Temporal starts every few seconds. */
const batchesPerRun = 1_000;
const batchLimitMs = 120_000;

/** Converges the keys that other sessions wrote, until no mark is left. */
export async function replicateCaptured(): Promise<{ marks: number; refused: number }> {
  const total = { marks: 0, refused: 0 };
  for (let run = 0; run < batchesPerRun; run++) {
    const batch: CapturedBatch = await longRunningBounded(batchLimitMs).replicateCaptured();
    total.marks += batch.marks;
    total.refused += batch.refused;
    setCurrentDetails(`**${total.marks}** marks dealt with, ${total.refused} refused`);
    if (batch.done) break;
  }
  return total;
}
