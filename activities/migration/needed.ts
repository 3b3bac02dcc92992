import type { Stores } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';

/**
 * Stores that have to answer where something is measured. One that is unavailable has no say in most sums, and a worker that is cut
 * off would measure nothing that is wrong.
 */
export interface Needs {
  readonly needs: readonly StoreName[];
}

/** Throws `StoreUnavailable`, so that another worker measures. */
export async function assertNeeded(stores: Stores, { needs }: Needs): Promise<void> {
  for (const name of needs) await stores[name].ping();
}
