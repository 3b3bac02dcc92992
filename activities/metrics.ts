import { type MetricMeter, noopMetricMeter } from '@temporalio/common';
import type { TentativeResult, Timing, WriteResult } from '../databases/deciding/write-result.ts';
import { failureIn } from '../model/carried-failure.ts';
import type { StoreName } from '../model/failure.ts';
import { type AnyFailureCode, isFailureCode } from '../model/failure-codes.ts';
import { entityNamed } from '../model/migration.ts';
import { currentAttempt } from './attempt.ts';
import type { ActivityContext } from './context.ts';
import { instrumentName, type MetricName, metricTable } from './metric-table.ts';

/** Upper bounds of the histograms' buckets, in seconds. */
const buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** Buckets by histogram, for the exporter, which wants to know them beforehand. */
export const histogramBuckets: Record<string, number[]> = {
  dual_write_latency_seconds: buckets,
  dual_write_overhead_seconds: buckets,
} satisfies Partial<Record<MetricName, number[]>>;

/** What the write path counts. Tags name migration, entity, pattern, store and failure code, never a key. */
function createInstruments(meter: MetricMeter) {
  const counter = (name: MetricName) => meter.createCounter(instrumentName(name), '', metricTable[name].help);
  const histogram = (name: MetricName) => meter.createHistogram(name, 'float', '', metricTable[name].help);
  return {
    success: counter('dual_write_success_total'),
    failure: counter('dual_write_failure_total'),
    retry: counter('dual_write_retry_total'),
    latency: histogram('dual_write_latency_seconds'),
    overhead: histogram('dual_write_overhead_seconds'),
    validation: counter('post_write_validation_total'),
  };
}

/** Made once for each meter: every new instrument costs the exporter memory. */
const made = new WeakMap<MetricMeter, ReturnType<typeof createInstruments>>();

function instrumentsOf(meter: MetricMeter) {
  const known = made.get(meter) ?? createInstruments(meter);
  made.set(meter, known);
  return known;
}

/** Counts and times the steps of writes, in the activities that do them: replayed workflow code counts nothing. */
export function writeMetrics({ migration, meter = noopMetricMeter }: ActivityContext) {
  const { success, failure, retry, latency, overhead, validation } = instrumentsOf(meter);

  function tagsOf(name: string) {
    const entity = entityNamed(migration, name);
    return { migration: migration.name, entity: entity.name, pattern: entity.pattern };
  }

  /** Around one attempt at a store. */
  async function attempt<Result extends WriteResult | TentativeResult>(
    { store, entity }: { store: StoreName; entity: string },
    write: () => Promise<Result>,
  ): Promise<{ result: Result; timing: Timing }> {
    const tags = tagsOf(entity);
    const at = { ...tags, store };
    // Of each step the first attempt is a local activity.
    const { attempt, isLocal } = currentAttempt();
    if (attempt > 1 || !isLocal) retry.add(1, at);
    const startedAtMs = Date.now();
    const started = performance.now();
    const took = () => performance.now() - started;
    try {
      const result = await write();
      const reason = reasonOf(result);
      if (reason) failure.add(1, { ...at, reason });
      return { result, timing: { startedAtMs, tookMs: took() } };
    } catch (error) {
      const failed = failureIn(error);
      if (failed?.code !== 'Fenced')
        failure.add(1, {
          ...tags,
          store: failed?.details.store ?? store,
          reason: failed?.code ?? 'Unexpected',
        });
      throw error;
    } finally {
      latency.record(took() / 1_000, at);
    }
  }

  /** Around one attempt at a store for a whole group: one reading of the latency, and each write that was refused. */
  async function groupAttempt<Key, Result extends { readonly status: string }>(
    { store, entity }: { store: StoreName; entity: string },
    write: () => Promise<ReadonlyMap<Key, Result>>,
  ): Promise<ReadonlyMap<Key, Result>> {
    const tags = tagsOf(entity);
    const at = { ...tags, store };
    const { attempt, isLocal } = currentAttempt();
    if (attempt > 1 || !isLocal) retry.add(1, at);
    const started = performance.now();
    try {
      const results = await write();
      for (const result of results.values())
        if ('code' in result && isFailureCode(result.code)) failure.add(1, { ...at, reason: result.code });
      return results;
    } catch (error) {
      const failed = failureIn(error);
      const reason = failed?.code ?? 'Unexpected';
      if (reason !== 'Fenced') failure.add(1, { ...tags, store: failed?.details.store ?? store, reason });
      throw error;
    } finally {
      latency.record((performance.now() - started) / 1_000, at);
    }
  }

  /**
   * Both stores have a write.
   *
   * @param primary when the primary's part began, and how long it took; null where that is not known
   */
  function replicated(entity: string, primary: Timing | null): void {
    const tags = tagsOf(entity);
    success.add(1, tags);
    if (primary === null) return;
    // Clocks of two workers may differ by more than it took.
    overhead.record(Math.max(0, Date.now() - primary.startedAtMs - primary.tookMs) / 1_000, tags);
  }

  /** A write was read back. */
  function readBack(
    entity: string,
    { verdict, store, repaired }: { verdict: string; store: StoreName | null; repaired: boolean },
  ): void {
    validation.add(1, { ...tagsOf(entity), verdict, store: store ?? 'none', repaired });
  }

  return { attempt, groupAttempt, replicated, readBack };
}

function reasonOf(result: WriteResult | TentativeResult): AnyFailureCode | null {
  switch (result.status) {
    case 'refused':
    case 'conflict':
      return result.code;
    case 'aborted':
      return 'Aborted';
    default:
      return null;
  }
}
