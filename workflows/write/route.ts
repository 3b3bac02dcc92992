import { log, sleep } from '@temporalio/workflow';
import type { WriteRoute } from '../../model/operation.ts';
import { localOnce, switching } from '../activities.ts';
import { messageOf } from '../failures.ts';

const laggingMs = 250;

/** The route that is open now, as soon as one is. A store that has not learned of it yet gets a moment to. */
export async function routeAfter(
  fenced: WriteRoute,
  request: { operationId: string; dualWrite: boolean },
): Promise<WriteRoute> {
  const route = await openRoute(request);
  if (route.epoch === fenced.epoch) await sleep(laggingMs);
  return route;
}

/** Asked at a steady pace: when the new route opens, writes go on at once. */
async function openRoute(request: { operationId: string; dualWrite: boolean }): Promise<WriteRoute> {
  try {
    return await localOnce.openRoute(request);
  } catch (error) {
    log.debug('the route is not open yet', { reason: messageOf(error) });
    return await switching.openRoute(request);
  }
}
