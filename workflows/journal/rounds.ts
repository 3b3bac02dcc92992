import { sleep } from '@temporalio/workflow';
import type { Rounds } from '../messages.ts';

/** Whoever asks for one round, rather than a schedule, waits for its end. */
export const oneRound: Rounds = { rounds: 1, everyMs: 0 };

/** Gives what the last round gave. */
export async function inRounds<T>({ rounds, everyMs }: Rounds, round: () => Promise<T>): Promise<T> {
  for (let left = rounds - 1; left > 0; left--) {
    await round();
    await sleep(everyMs);
  }
  return await round();
}
