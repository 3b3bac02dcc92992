import type { ReportedReads } from '../../databases/contract/read-reports.ts';
import { reportedReads } from '../../databases/contract/reported-reads.ts';
import { compared, isNotModern, overBudget, type ReadFault } from '../../model/read-counts.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { assertNeeded, type Needs } from './needed.ts';

/** What services have counted of their reads, judged by the policy of the worker. */
export interface MeasuredReads extends ReportedReads {
  /** Within the window of the budget. */
  readonly compared: number;
  /** Why reads may not go on as they do. */
  readonly fault: ReadFault | null;
  /** Legacy has answered more of the reads that were to be modern than the budget allows. */
  readonly isNotModern: boolean;
  /** Whether the shadow reads are as many as the budget wants for a judgement. */
  readonly isEnough: boolean;
}

type Context = Pick<ActivityContext, 'migration' | 'stores'>;

/**
 * What was read since a change of the route.
 *
 * @returns `counts` and `lastFallbackMs` since then; what is judged is of the budget's window
 */
export async function measureReadsSince(context: Context, since: number): Promise<MeasuredReads> {
  const { policy } = context.migration;
  const all = await reportedReads(context, { since, withinMs: null });
  const { counts } = await reportedReads(context, { since, withinMs: policy.readBudgetWindowMs });
  return {
    ...all,
    compared: compared(counts),
    fault: overBudget(counts, policy),
    isNotModern: isNotModern(counts, policy),
    isEnough: compared(counts) >= policy.readBudgetReads,
  };
}

export function createReadActivities(context: Context) {
  async function measureReads(request: Needs & { since: number }): Promise<MeasuredReads> {
    return await withHeartbeat(async () => {
      await assertNeeded(context.stores, request);
      return await measureReadsSince(context, request.since);
    });
  }

  return { measureReads };
}
