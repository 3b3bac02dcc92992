import { compareText, keyFromText, keyText } from '../../model/canonical.ts';
import type { Difference, Verdict } from '../contract/comparison.ts';
import { type Access, marks } from '../sql/context.ts';

/** Keys that differ, or that a store refused, with the reason. */
export function differencesIn(access: Access) {
  async function recordDifferences(migration: string, differences: readonly Difference[]): Promise<void> {
    const columns = ['migration', 'entity', 'record_key', 'verdict', 'reason'];
    const upsert = access.engine.text.upsert(access.control('differences'), columns, [
      'migration',
      'entity',
      'record_key',
    ]);
    const rows = differences.map(({ entity, key, verdict, reason }) => [
      migration,
      entity,
      keyText(key),
      verdict,
      reason.slice(0, 500),
    ]);
    if (rows.length === 0) return;
    // One commit for all of them, in key order, so that two of us do not lock each other out.
    rows.sort(
      ([, entity = '', key = ''], [, otherEntity = '', otherKey = '']) =>
        compareText(entity, otherEntity) || compareText(key, otherKey),
    );
    await access.transaction(async (session) => {
      for (const row of rows) await session.query(upsert, row);
    });
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
