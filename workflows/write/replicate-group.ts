import { log } from '@temporalio/workflow';
import type { GroupReplication, OwedWrite } from '../../activities/write/replicate-group.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { localGroup, localThenRemote, secondaryRetry } from '../activities.ts';
import { messageOf } from '../failures.ts';
import type { GroupDecided, OwedDecision } from './decide-group.ts';
import type { GroupRun } from './group-run.ts';
import { routeAfter } from './route.ts';

/** Until the secondary has all that it takes, or no store waits for them any more; the rest goes apart. */
export async function replicateGroup(run: GroupRun, decided: GroupDecided): Promise<void> {
  const { dualWrite } = run.input;
  let { route } = decided;
  let owed = decided.owed;
  let first = true;
  while (owed.length > 0 && route.secondary) {
    const results = await replicateOnce(run, owed, { ...decided, route }, first);
    first = false;
    const fenced: OwedDecision[] = [];
    for (const [at, decision] of owed.entries()) {
      const result = results[at] ?? 'apart';
      if (result === 'fenced') fenced.push(decision);
      else if (result === 'applied') run.set(decision.index, { at: 'done', version: decision.version });
      else run.giveApart(decision.index);
    }
    owed = fenced;
    const [waiting] = owed;
    if (waiting) route = await routeAfter(route, { operationId: idOf(run, waiting), dualWrite });
  }
  for (const [store, own] of Map.groupBy(owed, ({ decidedBy }) => decidedBy)) await complete(run, store, own);
}

async function replicateOnce(
  run: GroupRun,
  decisions: readonly OwedDecision[],
  { route, timing }: Pick<GroupDecided, 'route' | 'timing'>,
  first: boolean,
): Promise<readonly GroupReplication[]> {
  const owed = decisions.flatMap(({ index, decidedBy }): OwedWrite[] => {
    const operation = run.writes[index]?.operation;
    return operation ? [{ id: operation.id, entity: operation.entity, key: operation.key, decidedBy }] : [];
  });
  const request = { owed, route, timing };
  if (first) {
    try {
      return await localGroup.replicateGroup(request);
    } catch (error) {
      log.warn('the secondary did not take the group at once; it is retried until it does', {
        writes: owed.length,
        reason: messageOf(error),
      });
    }
  }
  return await secondaryRetry(run.input.policy).replicateGroup(request);
}

/** No store waits for them any more. */
async function complete(
  run: GroupRun,
  store: WriteRoute['primary'],
  own: readonly OwedDecision[],
): Promise<void> {
  const operationIds = own.map((decision) => idOf(run, decision));
  await localThenRemote((activities) => activities.completeOperations({ store, operationIds }));
  for (const { index, version } of own) run.set(index, { at: 'done', version });
}

function idOf(run: GroupRun, { index }: OwedDecision): string {
  return run.writes[index]?.operation.id ?? '';
}
