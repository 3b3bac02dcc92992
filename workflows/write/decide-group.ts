import { log } from '@temporalio/workflow';
import type { GroupDecisions } from '../../activities/write/group.ts';
import type { GroupDecision, Timing } from '../../activities/write/write-result.ts';
import { failureIn } from '../../model/carried-failure.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { toldRefusal } from '../../model/told-refusal.ts';
import type { Version } from '../../model/version.ts';
import { localGroup } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { assertNotExpired } from './expiry.ts';
import type { GroupRun } from './group-run.ts';
import { routeAfter } from './route.ts';

/** What a primary has decided of one write, and the other store is owed. */
export interface OwedDecision {
  readonly index: number;
  readonly version: Version;
  readonly decidedBy: WriteRoute['primary'];
}

export interface GroupDecided {
  readonly owed: readonly OwedDecision[];
  /** Under which the last of them were decided. */
  readonly route: WriteRoute;
  readonly timing: Timing | null;
}

/** The primary's decisions, whatever route the writes take; see `decide`. */
export async function decideGroup(run: GroupRun): Promise<GroupDecided> {
  const { writes } = run;
  const { dualWrite } = run.input;
  let { route } = run.input;
  let open: readonly number[] = writes.flatMap(({ decided }, index) =>
    decided === undefined ? [index] : [],
  );
  let timing: Timing | null = null;
  const owed: OwedDecision[] = [];
  const apply = (index: number, version: Version) => {
    run.set(index, { at: route.secondary ? 'owed' : 'done', version });
    if (route.secondary) owed.push({ index, version, decidedBy: route.primary });
  };
  for (const [index, { decided }] of writes.entries()) if (decided !== undefined) apply(index, decided);
  while (open.length > 0) {
    const decided = await decideOnce(run, open, route);
    if (decided === null) break;
    timing = decided.timing;
    const fenced: number[] = [];
    for (const [at, index] of open.entries()) {
      const decision = decided.decisions[at] ?? { status: 'apart' };
      if (decision.status === 'fenced') fenced.push(index);
      else if (decision.status === 'applied') apply(index, decision.version);
      else settle(run, index, decision, route);
    }
    const [first] = fenced;
    if (first === undefined) break;
    const operationId = writes[first]?.operation.id ?? '';
    route = await routeAfter(route, { operationId, dualWrite });
    open = fenced;
  }
  return { owed, route, timing };
}

/** Null where there was no answer for the group: each of its writes goes its own way. */
async function decideOnce(
  run: GroupRun,
  open: readonly number[],
  route: WriteRoute,
): Promise<GroupDecisions | null> {
  const { writes } = run;
  if (expired(run, open)) return null;
  try {
    return await localGroup.writeGroupAtPrimary({
      operations: open.flatMap((index) => writes[index]?.operation ?? []),
      route,
    });
  } catch (error) {
    log.warn('the primary did not take the group at once; each of its writes goes its own way', {
      writes: open.length,
      reason: messageOf(error),
    });
    for (const index of open) run.giveApart(index);
    return null;
  }
}

function settle(
  run: GroupRun,
  index: number,
  decision: Exclude<GroupDecision, { status: 'applied' | 'fenced' }>,
  route: WriteRoute,
): void {
  const operation = run.writes[index]?.operation;
  if (decision.status === 'apart' || !operation) {
    run.giveApart(index);
    return;
  }
  run.set(index, {
    at: 'refused',
    answer: { status: 'failed', ...toldRefusal(operation, route.primary, decision) },
  });
}

/** See `assertNotExpired`. */
function expired(run: GroupRun, open: readonly number[]): boolean {
  const { writes, input } = run;
  let found = false;
  for (const index of open) {
    const operation = writes[index]?.operation;
    if (!operation) continue;
    try {
      assertNotExpired({ entity: operation.entity, operationId: operation.id }, input.policy);
    } catch (error) {
      const known = failureIn(error);
      if (!known) throw error;
      found = true;
      const { code, message, details } = known;
      run.set(index, { at: 'refused', answer: { status: 'failed', code, message, details } });
    }
  }
  return found;
}
