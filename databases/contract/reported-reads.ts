import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { noReads, sumOfReads } from '../../model/read-counts.ts';
import type { OpenMigration } from './current-state.ts';
import type { ReportedReads } from './read-reports.ts';

/** What both stores have been told: services report to the primary of their route. A store that is unavailable has no say. */
export async function reportedReads(
  { migration, stores }: OpenMigration,
  given: { since: number; withinMs: number | null },
): Promise<ReportedReads> {
  const found = await Promise.all(
    [stores.legacy, stores.modern].map((store) =>
      store.reportedReads(migration.name, given).catch(nullWhereUnavailable),
    ),
  );
  return found.reduce<ReportedReads>(
    (sum, one) => ({
      counts: sumOfReads(sum.counts, one?.counts ?? noReads),
      lastFallbackMs: sooner(sum.lastFallbackMs, one?.lastFallbackMs ?? null),
    }),
    { counts: noReads, lastFallbackMs: null },
  );
}

function sooner(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.min(left, right);
}
