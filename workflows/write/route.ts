import { sleep } from '@temporalio/workflow';
import type { WriteRoute } from '../../model/operation.ts';
import { localThenRemote } from '../activities.ts';

const laggingMs = 250;

/** The route that is open now, as soon as one is. A store that has not learned of it yet gets a moment to. */
export async function routeAfter(
  fenced: WriteRoute,
  request: { operationId: string; dualWrite: boolean },
): Promise<WriteRoute> {
  const route = await localThenRemote((activities) => activities.openRoute(request));
  if (route.epoch === fenced.epoch) await sleep(laggingMs);
  return route;
}
