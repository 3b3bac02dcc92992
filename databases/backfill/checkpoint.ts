import { keyText } from '../../model/canonical.ts';
import type { Chunk } from '../contract/backfill.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';

/** Where a range stands after a chunk, and what the chunk adds to its counts. */
export interface Checkpoint extends Pick<Chunk, 'cursor' | 'done'> {
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  readonly bytes: number;
}

/** Moves a range on, in the transaction that has its rows. */
export async function moveCheckpoint(
  context: StoreContext,
  session: Session,
  migration: string,
  { entity, range }: Pick<Chunk, 'entity' | 'range'>,
  to: Checkpoint,
): Promise<void> {
  await session.query(
    `UPDATE ${context.control('chunks')} SET cursor_key = ?, done = ?, copied = copied + ?, skipped = skipped + ?,
       refused = refused + ?, bytes = bytes + ?, updated_at = ${context.engine.dialect.now}
     WHERE migration = ? AND entity = ? AND range_no = ?`,
    [
      to.cursor ? keyText(to.cursor) : null,
      to.done ? 1 : 0,
      to.copied,
      to.skipped,
      to.refused,
      to.bytes,
      migration,
      entity,
      range,
    ],
  );
}

/**
 * Locks a range, so that an attempt that was given up for lost cannot copy the same chunk beside us. False where somebody
 * else has moved it on.
 */
export async function checkpointUnchanged(
  context: StoreContext,
  session: Session,
  migration: string,
  from: Pick<Chunk, 'entity' | 'range' | 'cursor'>,
): Promise<boolean> {
  const [row] = await session.query(
    `SELECT cursor_key, done FROM ${context.control('chunks')} WHERE migration = ? AND entity = ? AND range_no = ? FOR UPDATE`,
    [migration, from.entity, from.range],
  );
  const cursor = from.cursor ? keyText(from.cursor) : null;
  return row !== undefined && row.done === '0' && (row.cursor_key ?? null) === cursor;
}
