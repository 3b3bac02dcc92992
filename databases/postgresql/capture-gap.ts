import type { Session } from '../engine/session.ts';
import { quoteTable } from './quote.ts';

/** A trigger on TRUNCATE is of the table that is named, whatever it is a part of. */
export async function captureGap(
  { query }: Pick<Session, 'query'>,
  tables: readonly string[],
): Promise<string | null> {
  const divided: string[] = [];
  for (const table of tables) {
    const [row] = await query(
      `SELECT c.relkind AS kind FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(?)::oid`,
      [quoteTable(table)],
    );
    if (row?.kind === 'p') divided.push(table);
  }
  if (divided.length === 0) return null;
  return (
    `TRUNCATE, DETACH and DROP of a single partition fire no trigger, so nobody notices them (${divided.join(', ')}): empty a partition with DELETE; ` +
    'after one of those, the rows are in the other store until lockstep reconcile --repair'
  );
}
