import { decideTogether, type GroupDecision } from '../../databases/deciding/decide-together.ts';
import type { Timing } from '../../databases/deciding/write-result.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import { assertSoundOperations, isSoundRoute } from './sound-operations.ts';

export interface GroupDecisions {
  /** In the order of the operations. One that goes apart has its own workflow find out, and tell its caller. */
  readonly decisions: readonly GroupDecision[];
  readonly timing: Timing;
}

export function createGroupActivities(context: ActivityContext) {
  const metrics = writeMetrics(context);

  /** The guarded writes of a group at the primary. */
  async function writeGroupAtPrimary(request: {
    operations: readonly Operation[];
    route: WriteRoute;
  }): Promise<GroupDecisions> {
    const { operations, route } = request;
    assertSoundOperations(context.migration, operations);
    if (!(await isSoundRoute(context, route, operations))) {
      const decisions = operations.map(() => ({ status: 'fenced' as const }));
      return { decisions, timing: { startedAtMs: Date.now(), tookMs: 0 } };
    }
    const startedAtMs = Date.now();
    const started = performance.now();
    const decisions = await decideTogether(context, operations, route, ({ name }, call) =>
      metrics.groupAttempt({ store: route.primary, entity: name }, call),
    );
    return { decisions, timing: { startedAtMs, tookMs: performance.now() - started } };
  }

  return { writeGroupAtPrimary };
}
