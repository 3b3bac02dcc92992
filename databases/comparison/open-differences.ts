import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Difference, OpenDifferences, Verdict } from '../contract/comparison.ts';
import { type Access, marks } from '../sql/context.ts';

export function openDifferencesIn(access: Access): OpenDifferences {
  const table = access.control('differences');

  async function openDifferences(
    migration: string,
    entity: string,
    page: { verdicts: readonly Verdict[]; after: string | null; limit: number },
  ): Promise<Difference[]> {
    const rows = await access.query(
      `SELECT record_key, verdict, reason FROM ${table}
       WHERE migration = ? AND entity = ? AND verdict IN (${marks(page.verdicts)}) AND record_key > ?
       ORDER BY record_key LIMIT ${Math.floor(page.limit)}`,
      [migration, entity, ...page.verdicts, page.after ?? ''],
    );
    return rows.map((row) => ({
      entity,
      key: keyFromText(row.record_key ?? '[]'),
      verdict: row.verdict as Verdict,
      reason: row.reason ?? '',
    }));
  }

  async function closeDifferences(migration: string, entity: string, keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    await access.query(
      `DELETE FROM ${table} WHERE migration = ? AND entity = ? AND record_key IN (${marks(keys)})`,
      [migration, entity, ...keys.map(keyText)],
    );
  }

  async function countDifferences(migration: string) {
    const rows = await access.query(
      `SELECT entity, verdict, COUNT(*) AS total FROM ${table} WHERE migration = ?
       GROUP BY entity, verdict ORDER BY entity, verdict`,
      [migration],
    );
    return rows.map((row) => ({
      entity: row.entity ?? '',
      verdict: row.verdict as Verdict,
      count: Number(row.total),
    }));
  }

  return { openDifferences, closeDifferences, countDifferences };
}
