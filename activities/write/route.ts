import { currentState } from '../../databases/contract/current-state.ts';
import { LockstepError } from '../../model/failure.ts';
import { isRetryable } from '../../model/is-lockstep-error.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';

export function createRouteActivities(context: ActivityContext) {
  const { migration, stores } = context;

  /** The route of a write, once it is open; `Fenced`, to be tried again, while a change of primary is under way. */
  async function openRoute(request: { operationId: string; dualWrite: boolean }): Promise<WriteRoute> {
    const state = await currentState(context);
    if (!state.open) {
      throw new LockstepError(
        'Fenced',
        `operation ${request.operationId} waits: the primary of ${state.migration} is being changed`,
      );
    }
    await propagateRoute(state);
    return routeOf(state, request.dualWrite);
  }

  /** A store that was unavailable when the route changed would fence out every write until it is told. */
  async function propagateRoute(state: DurableState): Promise<void> {
    for (const store of [stores.legacy, stores.modern]) {
      try {
        const known = await store.readState(migration.name);
        if (known === null || known.epoch < state.epoch) await store.writeState(state);
      } catch (error) {
        // Still unavailable, or told of a newer route meanwhile: the write itself will find out.
        if (!isRetryable(error)) throw error;
      }
    }
  }

  return { openRoute };
}
