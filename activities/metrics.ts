import { type MetricMeter, noopMetricMeter } from '@temporalio/common';
import type { TentativeResult, Timing, WriteResult } from '../databases/deciding/write-result.ts';
import { failureIn } from '../model/carried-failure.ts';
import type { StoreName } from '../model/failure.ts';
import { type AnyFailureCode, isFailureCode } from '../model/failure-codes.ts';
import { entityNamed } from '../model/migration.ts';
import { currentAttempt } from './attempt.ts';
import type { ActivityContext } from './context.ts';

/** Upper bounds of the histograms' buckets, in milliseconds. */
export const bucketsMs = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000,
];

/** Names of the histograms, for the exporter, which wants to know their buckets beforehand. */
export const histograms = ['dual_write_latency', 'dual_write_overhead'] as const;

/**
 * What the write path counts. Tags name migration, entity, pattern, store and failure code, never a key.
 * - `dual_write_success`: writes that both stores have.
 * - `dual_write_failure`: tries of a store that failed or were refused, by reason.
 * - `dual_write_retry`: tries after the first.
 * - `dual_write_latency`: milliseconds that a try took, by store.
 * - `dual_write_overhead`: milliseconds from the begin of a write until both stores have it, less those of the primary alone.
 * - `post_write_validation`: writes that were read back, by verdict and by the store whose row is wrong.
 */
function createInstruments(meter: MetricMeter) {
  return {
    success: meter.createCounter('dual_write_success', '', 'Writes that both stores have'),
    failure: meter.createCounter('dual_write_failure', '', 'Tries of a store that failed or were refused'),
    retry: meter.createCounter('dual_write_retry', '', 'Tries of a store after the first'),
    latency: meter.createHistogram('dual_write_latency', 'float', 'ms', 'Time of one try, by store'),
    overhead: meter.createHistogram(
      'dual_write_overhead',
      'float',
      'ms',
      'Time until both stores have a write, less the time of the primary alone',
    ),
    validation: meter.createCounter(
      'post_write_validation',
      '',
      'Writes read back from both stores, by verdict',
    ),
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
      latency.record(took(), at);
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
      latency.record(performance.now() - started, at);
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
    overhead.record(Math.max(0, Date.now() - primary.startedAtMs - primary.tookMs), tags);
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
