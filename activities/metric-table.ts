/** What a metric is. `docs/metrics.md` is written from this table. */
interface MetricMeaning {
  /** Counters end with `_total`, times are in seconds, as Prometheus has it. */
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** Beside `migration`, which all of them carry: names and codes, never a key. */
  readonly labels: readonly string[];
  readonly help: string;
}

const ofWrite = ['entity', 'pattern'] as const;

export const metricTable = {
  dual_write_success_total: { kind: 'counter', labels: ofWrite, help: 'Writes that both stores have' },
  dual_write_failure_total: {
    kind: 'counter',
    labels: [...ofWrite, 'store', 'reason'],
    help: 'Attempts at a store that failed or were refused, by failure code',
  },
  dual_write_retry_total: {
    kind: 'counter',
    labels: [...ofWrite, 'store'],
    help: 'Attempts at a store after the first; that of a group counts once',
  },
  dual_write_latency_seconds: {
    kind: 'histogram',
    labels: [...ofWrite, 'store'],
    help: 'Time of one attempt at a store; that of a group counts once',
  },
  dual_write_overhead_seconds: {
    kind: 'histogram',
    labels: ofWrite,
    help: 'Time until both stores have a write, less the time of the primary alone',
  },
  post_write_validation_total: {
    kind: 'counter',
    labels: [...ofWrite, 'verdict', 'store', 'repaired'],
    help: 'Writes read back from both stores, by verdict and by the store whose row is wrong',
  },

  dual_write_pending: {
    kind: 'gauge',
    labels: ['store'],
    help: 'Operations in the journal of this store that the other store has not taken yet',
  },
  dual_write_pending_age_seconds: {
    kind: 'gauge',
    labels: ['store'],
    help: 'Age of the oldest pending operation; 0 if there is none',
  },
  dual_write_parked: { kind: 'gauge', labels: ['store'], help: 'Operations that wait for an operator' },
  dual_write_parked_age_seconds: {
    kind: 'gauge',
    labels: ['store'],
    help: 'Age of the oldest parked operation; 0 if there is none',
  },
  dual_write_in_doubt: {
    kind: 'gauge',
    labels: ['store'],
    help: 'Prepared branches of transactions that have not ended',
  },
  dual_write_in_doubt_age_seconds: {
    kind: 'gauge',
    labels: ['store'],
    help: 'Age of the oldest branch in doubt; 0 if there is none',
  },

  migration_phase: {
    kind: 'gauge',
    labels: ['phase'],
    help: '1 for the phase that the migration is in, 0 for every other',
  },
  migration_differences: {
    kind: 'gauge',
    labels: ['entity', 'verdict'],
    help: 'Keys that are known to differ, as either store has written them down',
  },
  migration_read_ratio: {
    kind: 'gauge',
    labels: [],
    help: 'Share of keys that modern answers, 0 to 1; only while reads are shared',
  },
  migration_reads: {
    kind: 'gauge',
    labels: ['answer'],
    help: 'Reads that services have reported since the route changed last, by who answered them, and why',
  },
  migration_shadow_reads: {
    kind: 'gauge',
    labels: ['found'],
    help: 'Shadow reads that services have reported since the route changed last, by what they found',
  },

  migration_overdue: {
    kind: 'gauge',
    labels: [],
    help: '1 if the deadline of the migration has passed, else 0',
  },
  migration_deadline_timestamp_seconds: {
    kind: 'gauge',
    labels: [],
    help: 'Deadline of the migration, in seconds since 1970',
  },
  migration_paused: { kind: 'gauge', labels: [], help: '1 if somebody has paused the migration, else 0' },
  migration_evidence_age_seconds: {
    kind: 'gauge',
    labels: [],
    help: 'Age of the last evidence of a comparison; NaN if there is none',
  },
  migration_evidence_differences: {
    kind: 'gauge',
    labels: [],
    help: 'Differences that the last evidence has; NaN if there is none',
  },
  migration_backfill_running: { kind: 'gauge', labels: [], help: '1 while a backfill runs, else 0' },
  migration_backfill_progress_ratio: {
    kind: 'gauge',
    labels: [],
    help: 'Share of the keys that a backfill has been over, 0 to 1; NaN before the first',
  },
  migration_backfill_keys: {
    kind: 'gauge',
    labels: ['result'],
    help: 'Keys that a backfill has been over, by what became of them',
  },
  migration_backfill_expected_keys: {
    kind: 'gauge',
    labels: [],
    help: 'About how many keys a backfill will have been over',
  },
  migration_backfill_bytes: {
    kind: 'gauge',
    labels: [],
    help: 'Bytes of the rows that a backfill has copied',
  },
} as const satisfies Record<string, MetricMeaning>;

export type MetricName = keyof typeof metricTable;

/** As the exporter wants to be told it: it adds the ending of counters itself. */
export function instrumentName(name: MetricName): string {
  return name.replace(/_total$/, '');
}
