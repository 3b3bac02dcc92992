import { log } from '@temporalio/workflow';
import type { Recovery } from '../../activities/transactions/recover.ts';
import { bounded } from '../activities.ts';

/** A branch this old holds locks that somebody waits for, and keeps a new epoch out. */
const alertAfterMs = 30_000;
const roundMs = 60_000;

/** One round of recovery: by schedule, when a worker starts, and on demand. */
export async function recoverTransactions(): Promise<Recovery> {
  const recovery = await bounded(roundMs).recoverTransactions();
  for (const { store, count, oldestMs } of recovery.found) {
    if (oldestMs < alertAfterMs) continue;
    log.error('a prepared transaction is in doubt for too long', { store, count, oldestMs });
  }
  return recovery;
}
