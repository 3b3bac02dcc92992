import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Again, Chunk, Leftover } from '../contract/backfill.ts';
import type { Difference } from '../contract/comparison.ts';
import { type Fence, isAboutAll, type Outcome } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { throughDeadlocks } from '../sql/deadlocks.ts';
import { putDifferences } from '../sql/differences.ts';
import { holdFence } from '../sql/fence.ts';
import type { GuardedWrites } from '../sql/guarded-write.ts';
import { outcomesInOrder } from '../sql/write-request.ts';
import { moveCheckpoint } from './checkpoint.ts';
import { putWaiting, settleWaiting } from './waiting.ts';

/** Checkpoints of a backfill, and rows that come in together with theirs. */
export function createChunks(context: StoreContext, { rows, writeApart, call }: GuardedWrites) {
  async function chunks(migration: string, entity: string): Promise<Chunk[]> {
    const rows = await context.query(
      `SELECT range_no, lower_key, upper_key, cursor_key, done, copied, skipped, refused, bytes FROM ${context.control('chunks')}
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

  async function clearChunks(migration: string): Promise<void> {
    for (const table of ['chunks', 'waiting'] as const)
      await context.query(`DELETE FROM ${context.control(table)} WHERE migration = ?`, [migration]);
  }

  async function copyItems(
    entity: Entity,
    { items, unreadable }: Leftover,
    fence: Fence,
    next: Pick<Chunk, 'entity' | 'range' | 'cursor' | 'done'>,
    { lower, again }: { readonly lower: Key | null; readonly again?: Again | undefined } = { lower: null },
  ): Promise<Outcome[]> {
    const bound = await context.bind(entity);
    const { ready, failed } = rows(bound, items);
    try {
      return await throughDeadlocks(context.engine, () =>
        context.engine.transaction(async (session) => {
          if (ready.length === 0) await holdFence(context, session, fence, 'secondary', [bound]);
          const outcomes = outcomesInOrder(items, failed, await call(session, bound, ready, fence));
          if (!isFenced(outcomes)) await finish(session, outcomes);
          return outcomes;
        }),
      );
    } catch (error) {
      if (error instanceof LockstepError) throw error;
      if (isAboutAll(await context.refusalOf(error, [entity])))
        await context.translateErrors(() => Promise.reject(error));
    }
    // Copies are guarded, so a crash between the rows and their checkpoint repeats nothing.
    const outcomes = outcomesInOrder(items, failed, await writeApart(bound, ready, fence));
    if (!isFenced(outcomes)) await context.transaction((session) => finish(session, outcomes));
    return outcomes;

    async function finish(session: Session, outcomes: readonly Outcome[]): Promise<void> {
      const count = (status: Outcome['status']) =>
        outcomes.filter((outcome) => outcome.status === status).length;
      const mayWait = again?.isLast !== true;
      const isWaiting = (outcome: Outcome) =>
        mayWait && outcome.status === 'failed' && outcome.failure.code === 'ForeignKeyConflict';
      const waiting = outcomes.filter(isWaiting).length;
      const differences = [
        ...unreadable.map(
          ({ key, reason }): Difference => ({ entity: entity.name, key, verdict: 'unreadable', reason }),
        ),
        ...outcomes.flatMap((outcome, at): Difference[] => {
          const key = items[at]?.key;
          if (!key || outcome.status !== 'failed' || isWaiting(outcome)) return [];
          return [{ entity: entity.name, key, verdict: 'refused', reason: outcome.failure.message }];
        }),
      ];
      await putDifferences(context, session, fence.migration, differences);
      const counts = { copied: count('applied'), refused: differences.length };
      if (again) {
        await settleWaiting(context, session, fence.migration, again, { ...counts, waiting });
        return;
      }
      await moveCheckpoint(context, session, fence.migration, next, {
        ...next,
        ...counts,
        skipped: count('superseded'),
        bytes: 0,
      });
      const bounds = { lower, upper: next.cursor };
      await putWaiting(context, session, fence.migration, next, bounds, { ...counts, waiting });
    }
  }

  return { chunks, planChunks, clearChunks, copyItems };
}

function isFenced(outcomes: readonly Outcome[]): boolean {
  return outcomes.some((outcome) => outcome.status === 'fenced');
}

function keyOrNull(text: string | null | undefined): Key | null {
  return text === null || text === undefined ? null : keyFromText(text);
}
