import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import type { TableUse } from '../../databases/contract/table-use.ts';
import { routes } from '../../model/phase.ts';

/** What still reads or writes the legacy tables, as far as Lockstep and the database can tell. */
export interface LegacyUse {
  /** Of Lockstep's own: where its writes go, and when the last one was recorded in legacy (ISO time; null for none that is kept). */
  readonly route: 'receives no writes' | 'receives writes';
  readonly lastWriteAt: string | null;
  /** So long the counters of the database were watched, in milliseconds. */
  readonly watchedMs: number;
  readonly tables: readonly LegacyTableUse[];
}

export interface LegacyTableUse extends TableUse {
  /** By how much the counters grew meanwhile; null where the server does not count. */
  readonly readsMeanwhile: number | null;
  readonly writesMeanwhile: number | null;
}

export async function legacyUse(open: OpenMigration, { watchMs }: { watchMs: number }): Promise<LegacyUse> {
  const { migration, stores } = open;
  const { phase } = await currentState(open);
  const { primary, secondary } = routes[phase];
  const [last] = await stores.legacy.journal({ migration: migration.name, newestFirst: true, limit: 1 });
  const before = await stores.legacy.tableUse();
  await new Promise((resolve) => setTimeout(resolve, watchMs));
  const after = await stores.legacy.tableUse();
  return {
    route: primary === 'legacy' || secondary === 'legacy' ? 'receives writes' : 'receives no writes',
    lastWriteAt: last ? new Date(last.updatedAtMs).toISOString() : null,
    watchedMs: watchMs,
    tables: after.map((use) => {
      const was = before.find(({ table }) => table === use.table);
      return {
        ...use,
        readsMeanwhile: grown(was?.reads, use.reads),
        writesMeanwhile: grown(was?.writes, use.writes),
      };
    }),
  };
}

/** A server that was started anew counts from 0. */
function grown(before: number | null | undefined, now: number | null): number | null {
  if (now === null || before === null || before === undefined) return null;
  return now < before ? now : now - before;
}
