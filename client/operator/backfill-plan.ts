import type { UnfitRows } from '../../databases/contract/backfill.ts';
import { primaryStore } from '../../databases/contract/current-state.ts';
import type { Store } from '../../databases/contract/store.ts';
import { rangesFor } from '../../model/backfill-ranges.ts';
import type { StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';
import { otherStore } from '../../model/phase.ts';
import { withStores } from './with-stores.ts';

export interface BackfillPlan {
  readonly from: StoreName;
  readonly to: StoreName;
  readonly addresses: Readonly<Record<StoreName, string>>;
  /** Why rows come in more slowly than they could, with the remedy; null where they do not. */
  readonly slowLoadReason: string | null;
  /** Why `prepare --capture` would make no triggers; null where it can. Null as well before the first `prepare`. */
  readonly captureUnavailableReason: string | null;
  /** What `prepare --capture` would not notice, with the remedy; null where it notices all. */
  readonly captureGap: string | null;
  readonly entities: readonly EntityPlan[];
}

export interface EntityPlan {
  readonly entity: string;
  /** About how many. */
  readonly keys: number;
  readonly ranges: number;
  readonly way: 'rows' | 'images';
  /** Columns of which every value is converted on the way. */
  readonly converted: readonly string[];
  /** Indexes of the target that can be dropped before the copy and made after it; nothing does so by itself. */
  readonly indexesForLater: readonly string[];
  /** Rows that the other store would refuse as they are; null where none was looked at. */
  readonly unfit: readonly UnfitRows[] | null;
}

export interface PlanOptions {
  /** Reads every row, and says which the other store would refuse. @default false */
  readonly scan?: boolean;
}

/** What a backfill would do, from the tables as they are. Nothing is changed. */
export function planBackfill(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  options: PlanOptions = {},
): Promise<BackfillPlan> {
  return withStores(migration, environment, async (stores) => {
    const from = await primaryStore({ migration, stores });
    const to = otherStore(from);
    const entities: EntityPlan[] = [];
    for (const entity of migration.entities) {
      const target = await stores[to].pageTarget(entity);
      const { by, converted } = await stores[from].copyMethod(entity, target);
      const keys = await stores[from].estimateKeys(entity);
      entities.push({
        entity: entity.name,
        keys,
        ranges: rangesFor(keys, migration.policy),
        way: by,
        converted,
        indexesForLater: await stores[to].secondaryIndexes(entity),
        unfit: options.scan ? await stores[from].scan(entity, target) : null,
      });
    }
    const addresses = { legacy: stores.legacy.address, modern: stores.modern.address };
    return {
      from,
      to,
      addresses,
      slowLoadReason: await stores[to].slowLoadReason(),
      captureUnavailableReason: await captureReason(stores[from]),
      captureGap: await stores[from].captureGap(),
      entities,
    };
  });
}

async function captureReason(store: Store): Promise<string | null> {
  try {
    return await store.captureUnavailableReason();
  } catch (error) {
    if (isLockstepError(error, 'NotPrepared')) return null;
    throw error;
  }
}
