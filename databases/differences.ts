import { keyFromText, keyText } from '../model/canonical.ts';
import { type Access, marks } from './access.ts';
import type { Difference, Verdict } from './store.ts';

/** Keys that differ, or that a store refused, with the reason. */
export function differencesIn(access: Access) {
  async function recordDifferences(migration: string, differences: readonly Difference[]): Promise<void> {
    const columns = ['migration', 'entity', 'record_key', 'verdict', 'reason'];
    const upsert = access.engine.text.upsert(access.control('differences'), columns, [
      'migration',
      'entity',
      'record_key',
    ]);
    for (const { entity, key, verdict, reason } of differences) {
      await access.query(upsert, [migration, entity, keyText(key), verdict, reason.slice(0, 500)]);
    }
  }

  async function differences(migration: string, limit: number): Promise<Difference[]> {
    const rows = await access.query(
      `SELECT entity, record_key, verdict, reason FROM ${access.control('differences')} WHERE migration = ?
       ORDER BY found_at, entity, record_key LIMIT ${Math.floor(limit)}`,
      [migration],
    );
    return rows.map((row) => ({
      entity: row.entity ?? '',
      key: keyFromText(row.record_key ?? '[]'),
      verdict: row.verdict as Verdict,
      reason: row.reason ?? '',
    }));
  }

  async function clearDifferences(
    migration: string,
    entity: string,
    verdicts: readonly Verdict[],
  ): Promise<void> {
    await access.query(
      `DELETE FROM ${access.control('differences')} WHERE migration = ? AND entity = ? AND verdict IN (${marks(verdicts)})`,
      [migration, entity, ...verdicts],
    );
  }

  return { recordDifferences, differences, clearDifferences };
}
