import { setBackReason, setBackStores } from '../../databases/contract/set-back.ts';
import type { StoreName } from '../../model/failure.ts';
import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import type { ActivityContext } from '../context.ts';

/** What is known to be wrong between the stores. */
export interface KnownFaults {
  /** Keys that differ or were refused, as either store has written down. Ambiguous copies are explained, and do not count. */
  readonly differences: number;
  /** Those of them that a store refused. */
  readonly refused: number;
  readonly setBack: { readonly store: StoreName; readonly reason: string } | null;
}

export function createFaultActivities(context: Pick<ActivityContext, 'migration' | 'stores'>) {
  const { migration, stores } = context;

  /** A store that is unavailable has no say; where a gate needs both, it has asked before. */
  async function measureFaults(): Promise<KnownFaults> {
    const counts = await Promise.all(
      [stores.legacy, stores.modern].map((store) =>
        store.countDifferences(migration.name).catch(nullWhereUnavailable),
      ),
    );
    const known = counts.flatMap((found) => found ?? []).filter(({ verdict }) => verdict !== 'ambiguous');
    const total = (found: typeof known) => found.reduce((sum, { count }) => sum + count, 0);
    const [setBack] = await setBackStores(context);
    return {
      differences: total(known),
      refused: total(known.filter(({ verdict }) => verdict === 'refused')),
      setBack: setBack ? { store: setBack.store, reason: setBackReason(setBack) } : null,
    };
  }

  return { measureFaults };
}
