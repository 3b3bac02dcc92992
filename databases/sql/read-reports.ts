import { noReads, readCountNames } from '../../model/read-counts.ts';
import type { ReadReport, ReadReports, ReportedReads } from '../contract/read-reports.ts';
import type { TextCells } from '../engine/session.ts';
import type { StoreContext } from './context.ts';

/** The columns of the counts, in the order of `readCountNames`. */
const columns = readCountNames.map((name) =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
);
const hasFallback = '(fell_back > 0 OR lagged > 0)';

/** What services have counted of their reads: few rows, which are read as a whole. */
export function createReadReports(context: StoreContext): ReadReports {
  const table = context.control('read_counts');
  const { upsert, now, ago, millisecondsOf } = context.engine.dialect;

  async function reportReads(migration: string, { id, changeNumber, counts }: ReadReport): Promise<void> {
    const all = ['migration', 'id', 'change_number', ...columns];
    await context.transaction(async (session) => {
      await session.query(upsert(table, all, ['migration', 'id']), [
        migration,
        id,
        changeNumber,
        ...readCountNames.map((name) => counts[name]),
      ]);
      await session.query(`UPDATE ${table} SET counted_at = ${now} WHERE migration = ? AND id = ?`, [
        migration,
        id,
      ]);
    });
  }

  async function reportedReads(
    migration: string,
    { since, withinMs }: { since: number; withinMs: number | null },
  ): Promise<ReportedReads> {
    const within = withinMs === null ? '' : ` AND counted_at >= ${ago(withinMs)}`;
    const [row = {}] = await context.query(
      `SELECT ${columns.map((name) => `SUM(${name}) AS ${name}`).join(', ')},
         ${millisecondsOf(now)} - ${millisecondsOf(`MAX(CASE WHEN ${hasFallback} THEN counted_at END)`)} AS last_fallback
       FROM ${table} WHERE migration = ? AND change_number >= ?${within}`,
      [migration, since],
    );
    return reportedOf(row);
  }

  async function pruneReads(migration: string, { olderThanMs }: { olderThanMs: number }): Promise<void> {
    const [last] = await context.query(
      `SELECT id FROM ${table} WHERE migration = ? AND ${hasFallback} ORDER BY counted_at DESC LIMIT 1`,
      [migration],
    );
    await context.query(
      `DELETE FROM ${table} WHERE migration = ? AND counted_at < ${ago(olderThanMs)} AND id <> ?`,
      [migration, last?.id ?? ''],
    );
  }

  return { reportReads, reportedReads, pruneReads };
}

function reportedOf(row: TextCells): ReportedReads {
  const counts = { ...noReads };
  readCountNames.forEach((name, index) => {
    counts[name] = Number(row[columns[index] ?? ''] ?? 0);
  });
  const last = row.last_fallback ?? null;
  return { counts, lastFallbackMs: last === null ? null : Math.max(0, Number(last)) };
}
