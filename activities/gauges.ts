import { verdicts } from '../databases/contract/comparison.ts';
import { currentState } from '../databases/contract/current-state.ts';
import { reportedReads } from '../databases/contract/reported-reads.ts';
import { isLockstepError, isRetryable } from '../model/is-lockstep-error.ts';
import { hasTransactions } from '../model/migration.ts';
import { phases, routes } from '../model/phase.ts';
import type { ActivityContext } from './context.ts';
import type { MetricName } from './metric-table.ts';
import { inDoubt } from './transactions/recover.ts';

export interface Reading {
  readonly gauge: MetricName;
  readonly value: number;
  /** Names only, never keys. */
  readonly tags: Readonly<Record<string, string>>;
}

/** Gauges that are read together. A worker that serves metrics reads them every few seconds. */
export interface GaugeSource {
  /** How long a reading holds, in milliseconds. @default until the next round */
  readonly everyMs?: number;
  readonly gauges: readonly MetricName[];
  read(): Promise<readonly Reading[]>;
}

/** Everything of a migration that is gauged. */
export function createGauges(context: ActivityContext): readonly GaugeSource[] {
  return [
    createJournalGauges(context),
    createRouteGauges(context),
    createDifferenceGauges(context),
    createInDoubtGauges(context),
  ];
}

/** What is pending or parked in each journal, and since when. A store that is unavailable has no reading. */
function createJournalGauges({ migration, stores }: ActivityContext): GaugeSource {
  return {
    gauges: [
      'dual_write_pending',
      'dual_write_pending_age_seconds',
      'dual_write_parked',
      'dual_write_parked_age_seconds',
    ],
    async read() {
      const readings: Reading[] = [];
      for (const store of [stores.legacy, stores.modern]) {
        const backlog = await store.journalBacklog(migration.name).catch(nullIfUnavailable);
        if (!backlog) continue;
        const tags = { migration: migration.name, store: store.name };
        readings.push(
          { gauge: 'dual_write_pending', value: backlog.pending, tags },
          { gauge: 'dual_write_pending_age_seconds', value: (backlog.oldestPendingMs ?? 0) / 1_000, tags },
          { gauge: 'dual_write_parked', value: backlog.parked, tags },
          { gauge: 'dual_write_parked_age_seconds', value: (backlog.oldestParkedMs ?? 0) / 1_000, tags },
        );
      }
      return readings;
    },
  };
}

/**
 * The phase, and what services have counted of their reads since the route changed last, while reads are shared or all modern. It
 * is what the stores say.
 */
function createRouteGauges(context: ActivityContext): GaugeSource {
  const migration = context.migration.name;
  const by = <Name extends string>(
    gauge: MetricName,
    label: string,
    values: Readonly<Record<Name, number>>,
    names: readonly Name[],
  ): Reading[] => names.map((name) => ({ gauge, value: values[name], tags: { migration, [label]: name } }));
  return {
    gauges: ['migration_phase', 'migration_read_ratio', 'migration_reads', 'migration_shadow_reads'],
    async read() {
      const state = await currentState(context).catch(nullIfUnavailable);
      if (!state) return [];
      const { phase: current, changeNumber: since, readPercent } = state;
      const inPhase = phases.map((phase): Reading => {
        return {
          gauge: 'migration_phase',
          value: phase === current ? 1 : 0,
          tags: { migration, phase },
        };
      });
      if (routes[current].reads !== 'share') return inPhase;
      const { counts } = await reportedReads(context, { since, withinMs: null });
      return [
        ...inPhase,
        { gauge: 'migration_read_ratio', value: readPercent / 100, tags: { migration } },
        ...by('migration_reads', 'answer', counts, ['legacy', 'modern', 'fellBack', 'lagged', 'undecided']),
        ...by('migration_shadow_reads', 'found', counts, ['equal', 'unequal', 'inFlight', 'failed']),
      ];
    },
  };
}

/** What comparisons, backfills and repairs have written down; no reading while a store is unavailable. */
function createDifferenceGauges({ migration, stores }: ActivityContext): GaugeSource {
  return {
    // There may be very many to count.
    everyMs: 5_000,
    gauges: ['migration_differences'],
    async read() {
      const counted = await Promise.all(
        [stores.legacy, stores.modern].map((store) =>
          store.countDifferences(migration.name).catch(nullIfUnavailable),
        ),
      );
      const found = counted.flatMap((counts) => counts ?? []);
      if (counted.includes(null)) return [];
      return migration.entities.flatMap((entity) =>
        verdicts.map((verdict): Reading => {
          const own = found.filter((one) => one.entity === entity.name && one.verdict === verdict);
          return {
            gauge: 'migration_differences',
            value: own.reduce((sum, { count }) => sum + count, 0),
            tags: { migration: migration.name, entity: entity.name, verdict },
          };
        }),
      );
    },
  };
}

/** Branches of transactions that are prepared and not ended yet: each holds locks until it is. */
function createInDoubtGauges(context: ActivityContext): GaugeSource {
  const { migration } = context;
  if (!hasTransactions(migration)) return { gauges: [], read: async () => [] };
  return {
    gauges: ['dual_write_in_doubt', 'dual_write_in_doubt_age_seconds'],
    async read() {
      return (await inDoubt(context)).flatMap(({ store, count, oldestMs }): Reading[] => {
        const tags = { migration: migration.name, store };
        return [
          { gauge: 'dual_write_in_doubt', value: count, tags },
          { gauge: 'dual_write_in_doubt_age_seconds', value: oldestMs / 1_000, tags },
        ];
      });
    },
  };
}

function nullIfUnavailable(error: unknown): null {
  if (isRetryable(error) || isLockstepError(error, 'NotPrepared')) return null;
  throw error;
}
