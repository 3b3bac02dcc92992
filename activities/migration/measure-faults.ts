import { type KnownDifferences, knownDifferences } from '../../databases/contract/known-differences.ts';
import { setBackReason, setBackStores } from '../../databases/contract/set-back.ts';
import type { StoreName } from '../../model/failure.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { assertNeeded, type Needs } from './needed.ts';

/** What is known to be wrong between the stores. */
export interface KnownFaults extends KnownDifferences {
  readonly setBack: { readonly store: StoreName; readonly reason: string } | null;
}

export function createFaultActivities(context: Pick<ActivityContext, 'migration' | 'stores'>) {
  /** A store that is not needed and unavailable has no say. */
  async function measureFaults(request: Needs): Promise<KnownFaults> {
    return await withHeartbeat(() => measure(request));
  }

  async function measure(request: Needs): Promise<KnownFaults> {
    await assertNeeded(context.stores, request);
    const known = await knownDifferences(context);
    const [setBack] = await setBackStores(context);
    return { ...known, setBack: setBack ? { store: setBack.store, reason: setBackReason(setBack) } : null };
  }

  return { measureFaults };
}
