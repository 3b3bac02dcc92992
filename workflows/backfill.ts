import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { BackfillPlan, RangeSlice } from '../activities/backfill.ts';
import { bulk, bulkUntilTold, patient } from './activities.ts';
import { Pace, progressDetails, progressOf, type Range, seenOf } from './backfill-progress.ts';
import { failureIn, messageOf } from './failures.ts';
import {
  type BackfillProgress,
  backfillFinished,
  backfillProgress,
  migrationWorkflowId,
  setPace,
  setPaused,
} from './messages.ts';

export interface BackfillInput {
  readonly migration: string;
  readonly entities: readonly string[];
  /** Ranges copied at the same time. */
  readonly parallel: number;
  readonly paused: boolean;
  /** Keys a second, all ranges together; null is unlimited. */
  readonly rate: number | null;
  /** Goes on from the checkpoints of one that stopped. */
  readonly resume?: boolean;
  /** Carried through continue-as-new. */
  readonly carried: { readonly startedAt: string; readonly throttledMs: number } | null;
}

const sliceMs = 5_000;
const slicesPerRun = 1_000;
const firstWaitMs = 1_000;
const longestWaitMs = 30_000;

/**
 * Copies history in key ranges, several at a time, then catches up what was written or deleted meanwhile. Every chunk is
 * committed with its checkpoint, so a crash of anything repeats none.
 */
export async function backfill(input: BackfillInput): Promise<BackfillProgress> {
  const startedAt = input.carried?.startedAt ?? new Date().toISOString();
  let { paused, rate } = input;
  let finishedAt: string | null = null;
  let stopped: string | null = null;
  let waiting: string | null = null;
  let throttledMs = input.carried?.throttledMs ?? 0;
  let caughtUp = 0;
  let slices = 0;
  const totals = new Map<string, number>();
  const plans = new Map<string, BackfillPlan>();
  const ranges: Range[] = [];
  const pace = new Pace();
  const underWay = new Set<CancellationScope>();

  setHandler(setPaused, (value) => {
    paused = value;
    interrupt();
  });
  setHandler(setPace, (value) => {
    rate = value;
    interrupt();
  });
  setHandler(backfillProgress, progress, { description: 'Rows copied so far, speed and time left' });

  try {
    if (!input.carried && !input.resume) await patient.forgetBackfill();
    for (const entity of input.entities) {
      const plan = await bulk.planBackfill({ entity });
      totals.set(entity, plan.total);
      plans.set(entity, plan);
      ranges.push(...plan.ranges.map((range) => ({ entity, ...range })));
    }
    pace.mark(Date.now(), seenSoFar());
    const left = ranges.filter((range) => !range.done);
    await Promise.all(Array.from({ length: Math.max(1, input.parallel) }, () => copyNext(left)));
    if (ranges.some((range) => !range.done)) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof backfill>({ ...input, paused, rate, carried: { startedAt, throttledMs } });
    }
    for (const entity of input.entities) await catchUp(entity);
    for (const entity of input.entities) await bulk.primeSequences({ entity });
    finishedAt = new Date().toISOString();
  } catch (error) {
    if (failureIn(error) === null) throw error;
    stopped = messageOf(error);
    log.warn('the backfill stopped; its checkpoints stay', { reason: stopped });
  }
  const result = progress();
  setCurrentDetails(progressDetails(result));
  await report(input.migration, result);
  await condition(allHandlersFinished);
  return result;

  /** A lane takes one range after the other. */
  async function copyNext(left: Range[]): Promise<void> {
    let waitMs = firstWaitMs;
    for (let range = left.shift(); range; range = left.shift()) {
      while (!range.done) {
        await condition(() => !paused);
        if (stopped !== null || slices >= slicesPerRun) return;
        slices += 1;
        const slice = await copySlice(range);
        if (slice === null) continue;
        if (slice.progress) Object.assign(range, slice.progress);
        throttledMs += slice.throttledMs;
        ({ waiting } = slice);
        pace.mark(Date.now(), seenSoFar());
        setCurrentDetails(progressDetails(progress()));
        if (waiting === null) {
          waitMs = firstWaitMs;
          continue;
        }
        await sleep(waitMs);
        waitMs = Math.min(waitMs * 2, longestWaitMs);
      }
    }
  }

  /** Null where it was interrupted before it had begun. */
  async function copySlice({ entity, range }: Range): Promise<RangeSlice | null> {
    const plan = plans.get(entity);
    if (!plan) throw new TypeError('a range belongs to a plan');
    const { fingerprints } = plan;
    const keysPerSecond = rate === null ? null : Math.max(1, rate / Math.max(1, input.parallel));
    const scope = new CancellationScope();
    underWay.add(scope);
    try {
      return await scope.run(() =>
        bulkUntilTold.copyRange({ entity, range, fingerprints, keysPerSecond, sliceMs }),
      );
    } catch (error) {
      if (isCancellation(error) && scope.consideredCancelled) return null;
      throw error;
    } finally {
      underWay.delete(scope);
    }
  }

  /** What runs ends with its chunk, and goes on under what is said now. */
  function interrupt(): void {
    for (const scope of underWay) scope.cancel();
  }

  async function catchUp(entity: string): Promise<void> {
    let after: string | null = null;
    do {
      await condition(() => !paused);
      const page: { after: string | null; changed: number; refused: number } = await bulk.catchUp({
        entity,
        after,
      });
      caughtUp += page.changed;
      after = page.after;
    } while (after !== null);
  }

  function seenSoFar(): number {
    return ranges.reduce((sum, range) => sum + seenOf(range), 0);
  }

  function progress(): BackfillProgress {
    return progressOf({
      startedAt,
      totals,
      ranges,
      pace,
      caughtUp,
      throttledMs,
      waiting,
      finishedAt,
      stopped,
    });
  }
}

async function report(migration: string, result: BackfillProgress): Promise<void> {
  if (!workflowInfo().parent) return;
  await getExternalWorkflowHandle(migrationWorkflowId(migration)).signal(backfillFinished, result);
}
