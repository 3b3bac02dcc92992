import { log } from '@temporalio/workflow';
import type { StoreName } from '../../model/failure.ts';
import { longRunningBounded } from '../activities.ts';
import { messageOf } from '../failures.ts';

export type Pruned = Readonly<Record<StoreName, number | null>>;

const pruneLimitMs = 600_000;

/**
 * Takes old finished entries and decisions out of both journals. A store that is unavailable (null) is left to the next
 * time.
 */
export async function pruneJournal(): Promise<Pruned> {
  return { legacy: await pruneStore('legacy'), modern: await pruneStore('modern') };
}

async function pruneStore(store: StoreName): Promise<number | null> {
  try {
    return await longRunningBounded(pruneLimitMs).pruneJournal({ store });
  } catch (error) {
    log.warn('the journal was not pruned', { store, reason: messageOf(error) });
    return null;
  }
}
