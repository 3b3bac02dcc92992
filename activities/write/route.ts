import { newestOf, type ReadStates, readStates } from '../../databases/contract/current-state.ts';
import { LockstepError } from '../../model/failure.ts';
import { isRetryable } from '../../model/is-lockstep-error.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';

export function createRouteActivities(context: ActivityContext) {
  const { migration, stores } = context;

  /** The route of a write, once it is open; `Fenced`, to be tried again, while a change of primary is under way. */
  async function openRoute(request: { operationId: string; dualWrite: boolean }): Promise<WriteRoute> {
    return await withHeartbeat(() => findOpenRoute(request));
  }

  async function findOpenRoute(request: { operationId: string; dualWrite: boolean }): Promise<WriteRoute> {
    const states = await readStates(context);
    const state = newestOf(migration, states);
    if (!state.open) {
      throw new LockstepError(
        'Fenced',
        `operation ${request.operationId} waits: the primary of ${state.migration} is being changed`,
      );
    }
    await propagateRoute(state, states);
    return routeOf(state, request.dualWrite);
  }

  /** A store that was unavailable when the route changed would fence out every write until it is told. */
  async function propagateRoute(state: DurableState, states: ReadStates): Promise<void> {
    for (const store of [stores.legacy, stores.modern]) {
      const known = states[store.name];
      if (known.status === 'rejected') continue;
      try {
        if ((known.value?.changeNumber ?? -1) < state.changeNumber) await store.writeState(state);
      } catch (error) {
        // Unavailable again, or told of a newer route meanwhile: the write itself will find out.
        if (!isRetryable(error)) throw error;
      }
    }
  }

  return { openRoute };
}
