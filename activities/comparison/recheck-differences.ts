import { Context } from '@temporalio/activity';
import { type Difference, verdicts } from '../../databases/contract/comparison.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { otherStore } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { createDifferenceConfirmer } from './confirm-differences.ts';

const keysPerPage = 500;

/** What is known already of differing keys, from whichever store wrote it down. */
export function createDifferenceRecheck(context: Pick<ActivityContext, 'migration' | 'stores' | 'wait'>) {
  const { migration, stores } = context;
  const { confirm } = createDifferenceConfirmer(context);

  /**
   * Looks at each known difference of an entity again: one that is none any more is resolved, every other stays. They are
   * together in the primary then, also those that a backfill left in its target, or that were found before the primary changed.
   */
  async function recheck(entity: Entity, route: WriteRoute): Promise<void> {
    for (const store of [stores[route.primary], stores[otherStore(route.primary)]]) {
      let after: string | null = null;
      do {
        const page = { verdicts, after, limit: keysPerPage };
        const known: Difference[] = await store.unresolvedDifferences(migration.name, entity.name, page);
        const keys = known.map(({ key }) => key);
        const stays = await stillDiffering(entity, known, route);
        if (store !== stores[route.primary] || stays.length < known.length) {
          // First there, then no longer here: a crash between leaves it in both.
          await stores[route.primary].recordDifferences(migration.name, stays);
          const kept = new Set(store === stores[route.primary] ? stays.map(({ key }) => keyText(key)) : []);
          const over = keys.filter((key) => !kept.has(keyText(key)));
          await store.resolveDifferences(migration.name, entity.name, over);
        }
        Context.current().heartbeat();
        const last = known.length < keysPerPage ? undefined : keys.at(-1);
        after = last ? keyText(last) : null;
      } while (after !== null);
    }
  }

  async function stillDiffering(
    entity: Entity,
    known: readonly Difference[],
    route: WriteRoute,
  ): Promise<Difference[]> {
    const { differing, ambiguous, inFlight } = await confirm(
      entity,
      known.map(({ key }) => key),
      route,
    );
    const open = new Map([...differing, ...ambiguous, ...inFlight].map((one) => [keyText(one.key), one]));
    return known.flatMap((difference) => {
      const finding = open.get(keyText(difference.key));
      if (!finding) return [];
      const { verdict, reason } = finding;
      // Why a store refused the row says more than that it is not there.
      if (verdict === null || (difference.verdict === 'refused' && verdict !== 'ahead')) return [difference];
      return [{ ...difference, verdict, reason }];
    });
  }

  /** Those of some keys that a store is known to have refused. */
  async function refusedOf(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const page = { verdicts: ['refused' as const], after: null, limit: keys.length, keys };
    const found = await stores[route.primary].unresolvedDifferences(migration.name, entity.name, page);
    return new Set(found.map(({ key }) => keyText(key)));
  }

  return { recheck, refusedOf };
}
