import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Chunk } from '../contract/backfill.ts';
import type { Fence, Outcome, WriteItem } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { Access } from '../sql/context.ts';
import { refuseFencedCopy } from '../sql/durable-state.ts';
import { deadlockAttempts, type GuardedWrites } from '../sql/guarded-write.ts';
import { outcomesInOrder } from '../sql/write-request.ts';

/** Checkpoints of a backfill, and rows that come in together with theirs. */
export function chunksOf(access: Access, { rows, writeApart, refusal, call }: GuardedWrites) {
  async function chunks(migration: string, entity: string): Promise<Chunk[]> {
    const rows = await access.query(
      `SELECT range_no, lower_key, upper_key, cursor_key, done, copied, skipped, refused, bytes FROM ${access.control('chunks')}
       WHERE migration = ? AND entity = ? ORDER BY range_no`,
      [migration, entity],
    );
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
    const insert = access.engine.text.insertNew(access.control('chunks'), columns, [
      'migration',
      'entity',
      'range_no',
    ]);
    await access.transaction(async (session) => {
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

  async function clearChunks(migration: string): Promise<void> {
    await access.query(`DELETE FROM ${access.control('chunks')} WHERE migration = ?`, [migration]);
  }

  async function copy(
    entity: Entity,
    items: readonly WriteItem[],
    fence: Fence,
    chunk: Chunk,
  ): Promise<Outcome[]> {
    const bound = await access.bind(entity);
    const { ready, failed } = rows(bound, items);
    const together = async () =>
      await access.engine.transaction(async (session) => {
        if (ready.length === 0) await refuseFencedCopy(access, session, fence);
        const outcomes = outcomesInOrder(items, failed, await call(session, bound, ready, fence));
        if (!isFenced(outcomes)) await checkpoint(session, fence.migration, chunk, outcomes);
        return outcomes;
      });
    for (let attempt = 1; ; attempt++) {
      try {
        return await together();
      } catch (error) {
        if (error instanceof LockstepError) throw error;
        if (attempt < deadlockAttempts && access.engine.isDeadlock(error)) continue;
        refusal(error);
        break;
      }
    }
    // Copies are guarded, so a crash between the rows and their checkpoint repeats nothing.
    const outcomes = outcomesInOrder(items, failed, await writeApart(bound, ready, fence));
    if (!isFenced(outcomes))
      await access.guarded(() => checkpoint(access.engine, fence.migration, chunk, outcomes));
    return outcomes;
  }

  async function checkpoint(
    session: Session,
    migration: string,
    chunk: Chunk,
    outcomes: readonly Outcome[],
  ): Promise<void> {
    const count = (status: Outcome['status']) =>
      outcomes.filter((outcome) => outcome.status === status).length;
    await session.query(
      `UPDATE ${access.control('chunks')} SET cursor_key = ?, done = ?, copied = copied + ?, skipped = skipped + ?,
         refused = refused + ?, updated_at = ${access.engine.text.now}
       WHERE migration = ? AND entity = ? AND range_no = ?`,
      [
        chunk.cursor ? keyText(chunk.cursor) : null,
        chunk.done ? 1 : 0,
        count('applied'),
        count('superseded'),
        chunk.refused + count('failed'),
        migration,
        chunk.entity,
        chunk.range,
      ],
    );
  }

  async function primeSequences(entity: Entity): Promise<void> {
    const bound = await access.bind(entity);
    await access.guarded(() => access.engine.primeSequences(bound));
  }

  return { chunks, planChunks, clearChunks, copy, primeSequences };
}

function isFenced(outcomes: readonly Outcome[]): boolean {
  return outcomes.some((outcome) => outcome.status === 'fenced');
}

function keyOrNull(text: string | null | undefined): Key | null {
  return text === null || text === undefined ? null : keyFromText(text);
}
