import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { RangePlan } from '../../activities/backfill/backfill.ts';
import type { Fingerprints } from '../../activities/backfill/fingerprints.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { descriptionOf } from '../../model/inputs/messages.ts';
import { type BackfillProgress, backfillProgress, setBackfillRate, setPaused } from '../messages.ts';
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
  /** With `resume`: entities that begin at their first key all the same. */
  readonly anew?: readonly string[];
  /** Carried through continue-as-new. */
  readonly carried: {
    readonly startedAt: string;
    readonly throttledMs: number;
    /** Of each entity's tables, as they were at the start. */
    readonly fingerprints: Readonly<Record<string, Fingerprints>>;
  } | null;
}

export const sliceMs = 5_000;
const slicesPerRun = 1_000;
const firstWaitMs = 1_000;
const maxWaitMs = 30_000;

/** A running backfill: what it knows, what it was told, and how it waits. All of that changes here, or is counted by its steps. */
export class BackfillRun {
  readonly input: BackfillInput;
  readonly ranges: BackfillRange[] = [];
  rate: number | null;
  throttledMs: number;
  caughtUp = 0;
  /** Keys that were refused at first, and have come in since. */
  arrivedLate = 0;
  /** Keys that came in together with those that they wait for. */
  arrivedTogether = 0;
  checkpointsReset: boolean;
  finishedAt: string | null = null;
  stopped: string | null = null;
  readonly #startedAt: string;
  readonly #totals = new Map<string, number>();
  readonly #fingerprints: Record<string, Fingerprints> = {};
  readonly #throughput = new Throughput();
  /** Entities whose checkpoints nobody can read, and why: the others go on without them. */
  readonly faults = new Map<string, string>();
  /** Steps that a store did not take, what it said, and how long it is left alone. */
  readonly #waits = new Map<string, { reason: string; waitMs: number }>();
  readonly #underWay = new Set<CancellationScope>();
  #paused: boolean;
  #slices = 0;
  /** How often it was told to pause, to resume or to change its rate. */
  #interruptions = 0;

  constructor(input: BackfillInput) {
    this.input = input;
    this.rate = input.rate;
    this.throttledMs = input.carried?.throttledMs ?? 0;
    this.checkpointsReset = input.carried !== null || (input.resume === true && input.anew === undefined);
    this.#startedAt = input.carried?.startedAt ?? new Date().toISOString();
    this.#paused = input.paused;
  }

  setHandlers(): void {
    const described = (name: string) => ({ description: descriptionOf('backfill', name) });
    setHandler(
      setPaused,
      (value) => {
        this.#paused = value;
        this.#interrupt();
      },
      described('setPaused'),
    );
    setHandler(
      setBackfillRate,
      (value) => {
        this.rate = value;
        this.#interrupt();
      },
      described('setRate'),
    );
    setHandler(backfillProgress, () => this.progress(), described('progress'));
  }

  /** The ranges of a plan, and what it was made for: a run that follows another goes on with that one's. */
  plan(entity: string, { total, fingerprints, ranges }: RangePlan): void {
    this.#totals.set(entity, total);
    this.#fingerprints[entity] = this.input.carried?.fingerprints[entity] ?? fingerprints;
    this.ranges.push(...ranges.map((range) => ({ entity, ...range })));
  }

  fingerprintsOf(entity: string): Fingerprints {
    const planned = this.#fingerprints[entity];
    if (!planned) throw new TypeError('an entity belongs to a plan');
    return planned;
  }

  /** Null where what the control tables have of the entity cannot be read: the others go on. */
  async unlessFaulty<T>(entity: string, work: () => Promise<T>): Promise<T | null> {
    if (this.faults.has(entity)) return null;
    try {
      return await work();
    } catch (error) {
      const known = failureIn(error);
      if (known?.code !== 'InvalidControlRow') throw error;
      this.faults.set(entity, known.message);
      if (!this.#totals.has(entity)) this.#totals.set(entity, 0);
      this.show();
      log.warn('an entity is left out of the backfill', { entity, reason: known.message });
      return null;
    }
  }

  async unpaused(): Promise<void> {
    await condition(() => !this.#paused);
  }

  /** Whether the rest is for the next run, or for nobody. */
  isOver(): boolean {
    return this.stopped !== null || this.#slices >= slicesPerRun;
  }

  /** Null where a store did not take it: that shows, and after a pause it may be tried again. */
  async attempt<T>(step: string, work: () => Promise<T>): Promise<{ result: T } | null> {
    this.#slices += 1;
    try {
      const result = await work();
      this.#waits.delete(step);
      return { result };
    } catch (error) {
      const known = failureIn(error);
      if (known?.code !== 'StoreUnavailable') throw error;
      const before = this.#waits.get(step);
      const waitMs = before ? Math.min(before.waitMs * 2, maxWaitMs) : firstWaitMs;
      this.#waits.set(step, { reason: known.message, waitMs });
      this.show();
      log.warn('a store does not take what is copied; it is tried again', { step, reason: known.message });
      const seenInterruptions = this.#interruptions;
      await condition(() => this.#interruptions !== seenInterruptions, waitMs);
      return null;
    }
  }

  async untilDone<T>(step: string, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const attempted = await this.attempt(step, work);
      if (attempted) return attempted.result;
      await this.unpaused();
      if (this.#slices >= slicesPerRun) await this.continueWorkflow();
    }
  }

  /** Pages until there is no next one, with a pause before each where somebody wants one. One that was interrupted is asked for again. */
  async pages<P, R extends { readonly after: P | null }>(
    entity: string,
    page: (after: P | null) => Promise<R | null>,
    take: (found: R) => void,
  ): Promise<void> {
    for (let from: P | null = null; ; ) {
      await this.unpaused();
      const found: R | null = await this.untilDone(entity, () => page(from));
      if (found === null) continue;
      take(found);
      if (found.after === null) return;
      from = found.after;
    }
  }

  async continueWorkflow(): Promise<never> {
    await condition(allHandlersFinished);
    return await continueAsNew<(input: BackfillInput) => Promise<BackfillProgress>>({
      ...this.input,
      paused: this.#paused,
      rate: this.rate,
      carried: this.checkpointsReset
        ? {
            startedAt: this.#startedAt,
            throttledMs: this.throttledMs,
            fingerprints: this.#fingerprints,
          }
        : null,
    });
  }

  /** Null where it was interrupted before it could answer. */
  async interruptible<T>(work: () => Promise<T>): Promise<T | null> {
    const scope = new CancellationScope();
    this.#underWay.add(scope);
    try {
      return await scope.run(work);
    } catch (error) {
      // The server tries nothing again that was told to end, were it only that its worker is gone.
      const known = failureIn(error);
      if (scope.consideredCancelled && (known === null || known.retryable)) return null;
      throw error;
    } finally {
      this.#underWay.delete(scope);
    }
  }

  /** What runs ends with its chunk, what waits is over, and both go on under what is said now. */
  #interrupt(): void {
    this.#interruptions += 1;
    for (const scope of this.#underWay) scope.cancel();
  }

  /** Notes how far it has come by now. */
  mark(): void {
    this.#throughput.mark(
      Date.now(),
      this.ranges.reduce((sum, range) => sum + seenOf(range), 0),
    );
  }

  show(): void {
    setCurrentDetails(progressDetails(this.progress()));
  }

  progress(): BackfillProgress {
    return progressOf({
      startedAt: this.#startedAt,
      totals: this.#totals,
      ranges: this.ranges,
      faults: this.faults,
      throughput: this.#throughput,
      caughtUp: this.caughtUp,
      arrivedLate: this.arrivedLate,
      arrivedTogether: this.arrivedTogether,
      throttledMs: this.throttledMs,
      waiting: this.#waits.values().next().value?.reason ?? null,
      finishedAt: this.finishedAt,
      stopped: this.stopped,
    });
  }
}
