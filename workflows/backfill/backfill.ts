import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { RangeSlice, WaitingResult } from '../../activities/backfill/backfill.ts';
import type { WaitingPosition } from '../../activities/backfill/copy-waiting.ts';
import type { Fingerprints } from '../../activities/backfill/fingerprints.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { type CopyStage, copyOrder } from '../../model/copy-order.ts';
import { descriptionOf } from '../../model/inputs/messages.ts';
import { longRunningCancellable, longRunningFailFast } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { type BackfillProgress, backfillProgress, setBackfillRate, setPaused } from '../messages.ts';
import { tellEnd } from '../tell-migration.ts';
import { type BackfillRange, progressDetails, progressOf, seenOf, Throughput } from './progress.ts';

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
  readonly carried: {
    readonly startedAt: string;
    readonly throttledMs: number;
    /** Of each entity's tables, as they were at the start. */
    readonly fingerprints: Readonly<Record<string, Fingerprints>>;
  } | null;
}

const sliceMs = 5_000;
const slicesPerRun = 1_000;
const firstWaitMs = 1_000;
const maxWaitMs = 30_000;

/**
 * Copies history in key ranges, several at a time, then catches up what was written or deleted meanwhile. Every chunk is
 * committed with its checkpoint, so a crash of anything repeats none.
 */
export async function backfill(input: BackfillInput): Promise<BackfillProgress> {
  const startedAt = input.carried?.startedAt ?? new Date().toISOString();
  let { paused, rate } = input;
  let finishedAt: string | null = null;
  let stopped: string | null = null;
  let throttledMs = input.carried?.throttledMs ?? 0;
  let caughtUp = 0;
  let arrivedLate = 0;
  let arrivedTogether = 0;
  let slices = 0;
  let checkpointsReset = input.carried !== null || input.resume === true;
  /** How often it was told to pause, to resume or to change its rate. */
  let interruptions = 0;
  const totals = new Map<string, number>();
  const fingerprints: Record<string, Fingerprints> = {};
  const parents = new Map<string, readonly string[]>();
  const ranges: BackfillRange[] = [];
  const throughput = new Throughput();
  /** Steps that a store did not take, what it said, and how long it is left alone. */
  const waits = new Map<string, { reason: string; waitMs: number }>();
  const running = new Set<CancellationScope>();

  const described = (name: string) => ({ description: descriptionOf('backfill', name) });
  setHandler(
    setPaused,
    (value) => {
      paused = value;
      interrupt();
    },
    described('setPaused'),
  );
  setHandler(
    setBackfillRate,
    (value) => {
      rate = value;
      interrupt();
    },
    described('setRate'),
  );
  setHandler(backfillProgress, progress, described('progress'));

  try {
    if (!checkpointsReset) await untilDone('reset', () => longRunningFailFast.resetCheckpoints());
    checkpointsReset = true;
    for (const entity of input.entities) {
      const plan = await untilDone(entity, () => longRunningFailFast.planBackfill({ entity }));
      totals.set(entity, plan.total);
      fingerprints[entity] = input.carried?.fingerprints[entity] ?? plan.fingerprints;
      parents.set(entity, plan.parents);
      ranges.push(...plan.ranges.map((range) => ({ entity, ...range })));
    }
    throughput.mark(Date.now(), seenSoFar());
    const stages = copyOrder(parents);
    for (const stage of stages) {
      const lanes = lanesOf(stage);
      await Promise.all(Array.from({ length: Math.max(1, input.parallel) }, () => copyLanes(lanes)));
      if (ranges.some((range) => !range.done && stage.entities.includes(range.entity)))
        await continueWorkflow();
    }
    const inOrder = stages.flatMap(({ entities }) => entities);
    await copyWaiting(
      inOrder,
      stages.flatMap((stage) => stage.inOrder),
    );
    for (const entity of inOrder) await catchUp(entity);
    await retryRefused(inOrder);
    for (const entity of input.entities)
      await untilDone(entity, () => longRunningFailFast.primeSequences({ entity }));
    finishedAt = new Date().toISOString();
  } catch (error) {
    if (failureIn(error) === null) throw error;
    stopped = messageOf(error);
    log.warn('the backfill stopped; its checkpoints stay', { reason: stopped });
  }
  const result = progress();
  setCurrentDetails(progressDetails(result));
  await tellEnd(input.migration, 'backfill');
  await condition(allHandlersFinished);
  return result;

  /** Takes one lane after the other. */
  async function copyLanes(lanes: BackfillRange[][]): Promise<void> {
    for (let lane = lanes.shift(); lane; lane = lanes.shift()) {
      for (const range of lane) {
        while (!range.done) {
          await condition(() => !paused);
          if (stopped !== null || slices >= slicesPerRun) return;
          await continueRange(range);
        }
      }
    }
  }

  /** Ranges that are copied one after the other: each by itself, but those of an entity whose rows refer to one another. */
  function lanesOf({ entities, inOrder }: CopyStage): BackfillRange[][] {
    const left = ranges.filter((range) => !range.done && entities.includes(range.entity));
    return [
      ...inOrder.map((entity) => left.filter((range) => range.entity === entity)),
      ...left.filter((range) => !inOrder.includes(range.entity)).map((range) => [range]),
    ];
  }

  async function continueRange(range: BackfillRange): Promise<void> {
    const attempted = await attempt(`${range.entity} ${range.range}`, () => copySlice(range));
    if (!attempted?.result) return;
    const { progress: now, throttledMs: sliceThrottledMs } = attempted.result;
    Object.assign(range, now);
    throttledMs += sliceThrottledMs;
    throughput.mark(Date.now(), seenSoFar());
    setCurrentDetails(progressDetails(progress()));
  }

  /** Null where a store did not take it: that shows, and after a pause it may be tried again. */
  async function attempt<T>(step: string, work: () => Promise<T>): Promise<{ result: T } | null> {
    slices += 1;
    try {
      const result = await work();
      waits.delete(step);
      return { result };
    } catch (error) {
      const known = failureIn(error);
      if (known?.code !== 'StoreUnavailable') throw error;
      const before = waits.get(step);
      const waitMs = before ? Math.min(before.waitMs * 2, maxWaitMs) : firstWaitMs;
      waits.set(step, { reason: known.message, waitMs });
      setCurrentDetails(progressDetails(progress()));
      log.warn('a store does not take what is copied; it is tried again', { step, reason: known.message });
      const seenInterruptions = interruptions;
      await condition(() => interruptions !== seenInterruptions, waitMs);
      return null;
    }
  }

  async function untilDone<T>(step: string, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const attempted = await attempt(step, work);
      if (attempted) return attempted.result;
      await condition(() => !paused);
      if (slices >= slicesPerRun) await continueWorkflow();
    }
  }

  async function continueWorkflow(): Promise<never> {
    await condition(allHandlersFinished);
    return await continueAsNew<typeof backfill>({
      ...input,
      paused,
      rate,
      carried: checkpointsReset ? { startedAt, throttledMs, fingerprints } : null,
    });
  }

  /** Null where it was interrupted before it could answer. */
  async function copySlice({ entity, range }: BackfillRange): Promise<RangeSlice | null> {
    const planned = fingerprints[entity];
    if (!planned) throw new TypeError('a range belongs to a plan');
    const keysPerSecond = rate === null ? null : Math.max(1, rate / activeRanges());
    const scope = new CancellationScope();
    running.add(scope);
    try {
      return await scope.run(() =>
        longRunningCancellable.copyRange({ entity, range, fingerprints: planned, keysPerSecond, sliceMs }),
      );
    } catch (error) {
      // The server tries nothing again that was told to end, were it only that its worker is gone.
      const known = failureIn(error);
      if (scope.consideredCancelled && (known === null || known.retryable)) return null;
      throw error;
    } finally {
      running.delete(scope);
    }
  }

  /** Only ranges that are under way share the rate. */
  function activeRanges(): number {
    return Math.max(1, Math.min(input.parallel, ranges.filter((range) => !range.done).length));
  }

  /** What runs ends with its chunk, what waits is over, and both go on under what is said now. */
  function interrupt(): void {
    interruptions += 1;
    for (const scope of running) scope.cancel();
  }

  /**
   * Rows that came before those that they refer to are read again, from the other end each time, for as long as something gets
   * in; then those that wait for one another, together. What is left then is refused, with the reason.
   */
  async function copyWaiting(inOrder: readonly string[], circular: readonly string[]): Promise<void> {
    for (let backwards = true; ; backwards = !backwards) {
      let settled = 0;
      let waiting = 0;
      for (const entity of inOrder) {
        const found = await copyRound(entity, { backwards, isLast: false });
        settled += found.settled;
        waiting += found.waiting;
      }
      if (waiting === 0) return;
      if (settled > 0 || (await copyCircles(circular)) > 0) continue;
      for (const entity of inOrder) await copyRound(entity, { backwards, isLast: true });
      return;
    }
  }

  /** Gives how many came in: the next round meets them as there already. */
  async function copyCircles(circular: readonly string[]): Promise<number> {
    let arrived = 0;
    for (const entity of circular) {
      let after: WaitingPosition | null = null;
      do {
        await condition(() => !paused);
        const from: WaitingPosition | null = after;
        const slice: Awaited<ReturnType<typeof longRunningFailFast.copyCircles>> = await untilDone(
          entity,
          () => longRunningFailFast.copyCircles({ entity, after: from, sliceMs }),
        );
        arrived += slice.arrived;
        after = slice.after;
      } while (after !== null);
    }
    arrivedTogether += arrived;
    return arrived;
  }

  async function copyRound(
    entity: string,
    round: { readonly backwards: boolean; readonly isLast: boolean },
  ): Promise<{ settled: number; waiting: number }> {
    const planned = fingerprints[entity];
    if (!planned) throw new TypeError('an entity belongs to a plan');
    let after: WaitingPosition | null = null;
    let settled = 0;
    let waiting = 0;
    do {
      await condition(() => !paused);
      const from: WaitingPosition | null = after;
      const slice: WaitingResult = await untilDone(entity, () =>
        longRunningFailFast.copyWaiting({ entity, fingerprints: planned, ...round, after: from, sliceMs }),
      );
      settled += slice.settled;
      waiting += slice.waiting;
      after = slice.after;
      for (const range of ranges)
        Object.assign(
          range,
          entity === range.entity && slice.ranges.find((now) => now.range === range.range),
        );
      throughput.mark(Date.now(), seenSoFar());
      setCurrentDetails(progressDetails(progress()));
    } while (after !== null);
    return { settled, waiting };
  }

  /** What was refused may come in now that the rest is there. */
  async function retryRefused(inOrder: readonly string[]): Promise<void> {
    for (let arrived = 1; arrived > 0; ) {
      arrived = 0;
      for (const entity of inOrder)
        arrived += await untilDone(entity, () => longRunningFailFast.retryRefused({ entity }));
      arrivedLate += arrived;
    }
  }

  async function catchUp(entity: string): Promise<void> {
    let after: string | null = null;
    do {
      await condition(() => !paused);
      const from: string | null = after;
      const page: { after: string | null; changed: number } = await untilDone(entity, () =>
        longRunningFailFast.catchUp({ entity, after: from }),
      );
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
      throughput,
      caughtUp,
      arrivedLate,
      arrivedTogether,
      throttledMs,
      waiting: waits.values().next().value?.reason ?? null,
      finishedAt,
      stopped,
    });
  }
}
