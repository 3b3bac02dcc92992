import type { RangeDigest, RecordDigests, TextRange } from '../contract/comparison.ts';
import type { StoreContext } from '../sql/context.ts';
import { digestEach, type LineList } from './range-digests.ts';

export function createRecordDigests(context: StoreContext): RecordDigests {
  const { dialect } = context.engine;
  /** The key text comes last and holds no line break, so that no two lists of records have one text. */
  const line = dialect.concatBar([
    'r.version',
    "CASE WHEN r.deleted THEN 'd' ELSE 'l' END",
    "COALESCE(r.digest, '')",
    'r.record_key',
  ]);

  async function recordSteps(
    entity: string,
    within: TextRange,
    records: number,
    count: number,
  ): Promise<string[]> {
    const found: string[] = [];
    while (found.length < count) {
      const { from, values } = recordsIn(entity, { ...within, lower: found.at(-1) ?? within.lower });
      const [row] = await context.query(
        `SELECT r.record_key AS at ${from} ORDER BY r.record_key LIMIT 1 OFFSET ${Math.max(0, records - 1)}`,
        values,
      );
      if (!row) break;
      found.push(row.at ?? '');
    }
    return found;
  }

  async function recordDigests(entity: string, ranges: readonly TextRange[]): Promise<RangeDigest[]> {
    const lists = ranges.map((range): LineList => {
      const { from, values } = recordsIn(entity, range);
      return { sql: `SELECT ${line} AS line ${from} ORDER BY r.record_key`, values };
    });
    return await digestEach(context, lists);
  }

  async function recordHashes(entity: string, range: TextRange): Promise<{ key: string; digest: string }[]> {
    const { from, values } = recordsIn(entity, range);
    const rows = await context.query(
      `SELECT r.record_key AS at, ${dialect.sha256(line)} AS digest ${from}`,
      values,
    );
    return rows.map((row) => ({ key: row.at ?? '', digest: row.digest ?? '' }));
  }

  /** A record of version 0 says nothing: it is a lock, or what a backfill left. */
  function recordsIn(entity: string, { lower, upper }: TextRange) {
    const conditions = ['r.entity = ?', 'r.version > 0'];
    const values = [entity];
    for (const [limit, operator] of [
      [lower, '>'],
      [upper, '<='],
    ] as const) {
      if (limit === null) continue;
      conditions.push(`r.record_key ${operator} ?`);
      values.push(limit);
    }
    return { from: `FROM ${context.control('records')} r WHERE ${conditions.join(' AND ')}`, values };
  }

  return { recordSteps, recordDigests, recordHashes };
}
