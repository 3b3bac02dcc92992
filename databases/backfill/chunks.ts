import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Chunk } from '../contract/backfill.ts';
import type { StoreContext } from '../sql/context.ts';
import { invalidCheckpoint, planFault } from './checkpoint-faults.ts';

/** Checkpoints of a backfill. */
export function createChunks(context: StoreContext) {
  async function chunks(migration: string, entity: string): Promise<Chunk[]> {
    const rows = await context.query(
      `SELECT range_no, lower_key, upper_key, cursor_key, done, copied, skipped, refused, bytes FROM ${context.control('chunks')}
       WHERE migration = ? AND entity = ? ORDER BY range_no`,
      [migration, entity],
    );
    const fault = planFault(rows);
    if (fault !== null) throw invalidCheckpoint('chunks', entity, fault, context.name);
    return rows.map((row) => ({
      entity,
      range: Number(row.range_no),
      lower: keyOrNull(row.lower_key),
      upper: keyOrNull(row.upper_key),
      cursor: keyOrNull(row.cursor_key),
      done: row.done === '1',
      copied: Number(row.copied),
      skipped: Number(row.skipped),
      refused: Number(row.refused),
      bytes: Number(row.bytes),
    }));
  }

  async function planChunks(migration: string, entity: string, bounds: readonly Key[]): Promise<void> {
    const columns = [
      'migration',
      'entity',
      'range_no',
      'lower_key',
      'upper_key',
      'done',
      'copied',
      'skipped',
      'refused',
    ];
    const insert = context.engine.dialect.insertNew(context.control('chunks'), columns, [
      'migration',
      'entity',
      'range_no',
    ]);
    await context.transaction(async (session) => {
      for (let range = 0; range <= bounds.length; range++) {
        const lower = bounds[range - 1];
        const upper = bounds[range];
        await session.query(insert, [
          migration,
          entity,
          range,
          lower ? keyText(lower) : null,
          upper ? keyText(upper) : null,
          0,
          0,
          0,
          0,
        ]);
      }
    });
  }

  /** @param entities null is every one */
  async function clearChunks(migration: string, entities: readonly string[] | null): Promise<void> {
    const list = entities?.map(() => '?').join(', ');
    const where = entities === null ? 'migration = ?' : `migration = ? AND entity IN (${list})`;
    for (const table of ['chunks', 'waiting'] as const)
      await context.query(`DELETE FROM ${context.control(table)} WHERE ${where}`, [
        migration,
        ...(entities ?? []),
      ]);
  }

  return { chunks, planChunks, clearChunks };
}

function keyOrNull(text: string | null | undefined): Key | null {
  return text === null || text === undefined ? null : keyFromText(text);
}
