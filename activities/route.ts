import { currentState } from '../databases/state.ts';
import { LockstepError } from '../model/failure.ts';
import { routeOf, type WriteRoute } from '../model/operation.ts';
import type { ActivityContext } from './context.ts';

export function routeActivities(context: ActivityContext) {
  /** The route of writes, once it is open; `Fenced`, to be tried again, while a change of primary is under way. */
  async function openRoute(request: { operationId: string }): Promise<WriteRoute> {
    const state = await currentState(context);
    if (state.open) return routeOf(state);
    throw new LockstepError(
      'Fenced',
      `operation ${request.operationId} waits: the primary of ${state.migration} is being changed`,
    );
  }

  return { openRoute };
}
