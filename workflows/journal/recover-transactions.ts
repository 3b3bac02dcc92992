import { log } from '@temporalio/workflow';
import type { Recovery } from '../../activities/transactions/recover.ts';
import { bounded } from '../activities.ts';
import type { Rounds } from '../messages.ts';
import { inRounds, oneRound } from './rounds.ts';

/** A branch this old holds locks that somebody waits for, and keeps a new epoch out. */
const alertAfterMs = 30_000;
const roundMs = 60_000;

/** By schedule, when a worker or the migration starts, and on demand. */
export async function recoverTransactions(rounds: Rounds = oneRound): Promise<Recovery> {
  return await inRounds(rounds, recoverOnce);
}

async function recoverOnce(): Promise<Recovery> {
  const recovery = await bounded(roundMs).recoverTransactions();
  for (const { store, count, oldestMs } of recovery.found) {
    if (oldestMs < alertAfterMs) continue;
    log.error('a prepared transaction is in doubt for too long', { store, count, oldestMs });
  }
  return recovery;
}
