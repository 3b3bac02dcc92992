import { currentState } from '../databases/contract/current-state.ts';
import { reportedReads } from '../databases/contract/reported-reads.ts';
import { isLockstepError, isRetryable } from '../model/is-lockstep-error.ts';
import { hasTransactions } from '../model/migration.ts';
import { routes } from '../model/phase.ts';
import type { ReadCounts } from '../model/read-counts.ts';
import type { ActivityContext } from './context.ts';
import { inDoubt } from './transactions/recover.ts';

interface Gauge {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

interface Reading {
  readonly gauge: string;
  readonly value: number;
  /** Names only, never keys. */
  readonly tags: Readonly<Record<string, string>>;
}

/** Gauges that are read together. A worker that serves metrics reads them every few seconds. */
export interface GaugeSource {
  readonly gauges: readonly Gauge[];
  read(): Promise<readonly Reading[]>;
}

/** Everything of a migration that is gauged. */
export function createGauges(context: ActivityContext): readonly GaugeSource[] {
  return [createJournalGauges(context), createReadGauges(context), createInDoubtGauges(context)];
}

/** What is pending or parked in each journal, and since when. A store that is unavailable has no reading. */
function createJournalGauges({ migration, stores }: ActivityContext): GaugeSource {
  return {
    gauges: [
      {
        name: 'dual_write_pending',
        unit: '',
        description: 'Operations that the other store has not taken yet',
      },
      {
        name: 'dual_write_pending_age',
        unit: 'ms',
        description: 'Age of the oldest pending operation, 0 where there is none',
      },
      { name: 'dual_write_parked', unit: '', description: 'Operations that wait for a person' },
      {
        name: 'dual_write_parked_age',
        unit: 'ms',
        description: 'Age of the oldest parked operation, 0 where there is none',
      },
    ],
    async read() {
      const readings: Reading[] = [];
      for (const store of [stores.legacy, stores.modern]) {
        const backlog = await store.journalBacklog(migration.name).catch(nullIfUnavailable);
        if (!backlog) continue;
        const tags = { migration: migration.name, store: store.name };
        readings.push(
          { gauge: 'dual_write_pending', value: backlog.pending, tags },
          { gauge: 'dual_write_pending_age', value: backlog.oldestPendingMs ?? 0, tags },
          { gauge: 'dual_write_parked', value: backlog.parked, tags },
          { gauge: 'dual_write_parked_age', value: backlog.oldestParkedMs ?? 0, tags },
        );
      }
      return readings;
    },
  };
}

/** What services have counted of their reads since the route changed last, while reads are shared or all modern. */
function createReadGauges(context: ActivityContext): GaugeSource {
  const { migration } = context;
  return {
    gauges: [
      { name: 'migration_read_percent', unit: '', description: 'Share of keys that modern answers' },
      { name: 'migration_reads', unit: '', description: 'Reads by who answered them, and why' },
      { name: 'migration_shadow_reads', unit: '', description: 'Shadow reads by what they found' },
    ],
    async read() {
      const state = await currentState(context).catch(nullIfUnavailable);
      if (!state || routes[state.phase].reads !== 'share') return [];
      const { changeNumber: since, readPercent } = state;
      const { counts } = await reportedReads(context, { since, withinMs: null });
      const by = (gauge: string, tag: string, names: readonly (keyof ReadCounts)[]): Reading[] =>
        names.map((name) => ({
          gauge,
          value: counts[name],
          tags: { migration: migration.name, [tag]: name },
        }));
      return [
        { gauge: 'migration_read_percent', value: readPercent, tags: { migration: migration.name } },
        ...by('migration_reads', 'answer', ['legacy', 'modern', 'fellBack', 'lagged', 'undecided']),
        ...by('migration_shadow_reads', 'found', ['equal', 'unequal', 'inFlight', 'failed']),
      ];
    },
  };
}

/** Branches of transactions that are prepared and not ended yet: each holds locks until it is. */
function createInDoubtGauges(context: ActivityContext): GaugeSource {
  const { migration } = context;
  if (!hasTransactions(migration)) return { gauges: [], read: async () => [] };
  return {
    gauges: [
      { name: 'dual_write_in_doubt', unit: '', description: 'Branches that are prepared and not ended' },
      {
        name: 'dual_write_in_doubt_age',
        unit: 'ms',
        description: 'Age of the oldest branch in doubt, 0 where there is none',
      },
    ],
    async read() {
      return (await inDoubt(context)).flatMap(({ store, count, oldestMs }): Reading[] => {
        const tags = { migration: migration.name, store };
        return [
          { gauge: 'dual_write_in_doubt', value: count, tags },
          { gauge: 'dual_write_in_doubt_age', value: oldestMs, tags },
        ];
      });
    },
  };
}

function nullIfUnavailable(error: unknown): null {
  if (isRetryable(error) || isLockstepError(error, 'NotPrepared')) return null;
  throw error;
}
