import type { StoreName } from '../../model/failure.ts';
import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';

export interface StoreStatement {
  readonly store: StoreName;
  readonly sql: string;
}

/** What a change of phase does in a store beside its route. */
export function createStepActivities({ migration, stores }: Pick<ActivityContext, 'migration' | 'stores'>) {
  /** Lets what counts keys by itself go on above the rows that are there: whoever decides next gives the next number. */
  async function primeStore(request: { store: StoreName }): Promise<void> {
    await withHeartbeat(async () => {
      for (const entity of migration.entities) await stores[request.store].primeSequences(entity);
    });
  }

  /** Takes the fence as a change of the route does, and lets go of it. */
  async function lookAtFence(request: { store: StoreName; migration: string }): Promise<void> {
    await withHeartbeat(() => stores[request.store].lookAtFence(request.migration));
  }

  /** The statements that a step would run now; of a store that cannot be reached there are none. */
  async function planStatements(request: {
    prime: StoreName | null;
    retire: boolean;
  }): Promise<readonly StoreStatement[]> {
    const { prime } = request;
    const planned: StoreStatement[] = [];
    for (const entity of migration.entities) {
      if (prime === null) continue;
      const priming = await stores[prime].primeStatements(entity).catch(nullWhereUnavailable);
      for (const sql of priming ?? []) planned.push({ store: prime, sql });
    }
    if (!request.retire) return planned;
    for (const kind of ['rename', 'drop'] as const)
      for (const entity of migration.entities)
        for (const sql of (await stores.legacy.retirementStatements(entity))[kind])
          planned.push({ store: 'legacy', sql });
    return planned;
  }

  return { primeStore, lookAtFence, planStatements };
}
