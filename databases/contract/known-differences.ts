import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import type { OpenMigration } from './current-state.ts';

/** Keys that are known to differ. */
export interface KnownDifferences {
  /** As either store has written them down. Ambiguous copies are explained, and do not count. */
  readonly differences: number;
  /** Those of them that a store refused. */
  readonly refused: number;
}

/** A store that is unavailable has no say. */
export async function knownDifferences({ migration, stores }: OpenMigration): Promise<KnownDifferences> {
  const counts = await Promise.all(
    [stores.legacy, stores.modern].map((store) =>
      store.countDifferences(migration.name).catch(nullWhereUnavailable),
    ),
  );
  const known = counts.flatMap((found) => found ?? []).filter(({ verdict }) => verdict !== 'ambiguous');
  const total = (found: typeof known) => found.reduce((sum, { count }) => sum + count, 0);
  return {
    differences: total(known),
    refused: total(known.filter(({ verdict }) => verdict === 'refused')),
  };
}
