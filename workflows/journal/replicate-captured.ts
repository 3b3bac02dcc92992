import { setCurrentDetails } from '@temporalio/workflow';
import type { CapturedBatch } from '../../activities/journal/replicate-captured.ts';
import { longRunningBounded } from '../activities.ts';
import type { Rounds } from '../messages.ts';
import { inRounds, oneRound } from './rounds.ts';

/** A sweep that is not over by then is left to the next round. */
const batchesPerRound = 1_000;
const batchLimitMs = 120_000;

/** Converges the keys that other sessions wrote, until no mark is left. */
export async function replicateCaptured(
  rounds: Rounds = oneRound,
): Promise<{ marks: number; refused: number }> {
  return await inRounds(rounds, sweep);
}

async function sweep(): Promise<{ marks: number; refused: number }> {
  const total = { marks: 0, refused: 0 };
  for (let at = 0; at < batchesPerRound; at++) {
    const batch: CapturedBatch = await longRunningBounded(batchLimitMs).replicateCaptured();
    total.marks += batch.marks;
    total.refused += batch.refused;
    setCurrentDetails(`**${total.marks}** marks dealt with, ${total.refused} refused`);
    if (batch.done) break;
  }
  return total;
}
