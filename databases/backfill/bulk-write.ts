import { type Image, type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { BoundEntity } from '../columns/mapping.ts';
import type { Chunk, CopyChunk, CopyPage, CopyPart, CopyResult, PageTarget } from '../contract/backfill.ts';
import type { Difference } from '../contract/comparison.ts';
import type { Fence, Outcome, StoreFailure, WriteItem } from '../contract/write.ts';
import { CopyText } from '../copy-format/copy-text.ts';
import { LoadRefused } from '../engine/bulk-engine.ts';
import type { Session } from '../engine/session.ts';
import { type Access, isUnprepared } from '../sql/context.ts';
import { refuseFencedCopy } from '../sql/durable-state.ts';
import { deadlockAttempts, type GuardedWrites } from '../sql/guarded-write.ts';
import { shapeMessage } from '../sql/images.ts';
import { outcomesInOrder } from '../sql/write-request.ts';
import { type CopyGuard, copyGuard } from './copy-guard.ts';
import { bytesOf, placed } from './copy-page.ts';

/** Few enough for a statement, and enough for its locks to be one list. */
const itemsPerCall = 500;

/** Pages come in by the engine's bulk load, with their checkpoint, past every row that a live write or delete has touched. */
export function bulkWrites(
  access: Access,
  writes: GuardedWrites,
  guardOf: (access: Access, bound: BoundEntity) => CopyGuard = copyGuard,
) {
  const { engine } = access;

  async function pageTarget(entity: Entity): Promise<PageTarget> {
    const bound = await access.bind(entity);
    const prefixes = new Map(
      bound.root.columns.map((column) => [column.name, engine.bulk.prefix(column) ?? '']),
    );
    return {
      bound,
      refusesShared: bound.referenced.some(({ reference }) => reference?.wins === 'refuse'),
      prefix: (column) => prefixes.get(column) ?? '',
      pageOf: (records) => pageOfImages(access, bound, records),
    };
  }

  /** Null where rows can come in by the bulk load; a reason for people where they cannot. */
  function whyNoBulk(): Promise<string | null> {
    return access.guarded(() => engine.bulk.whyNoCopyIn());
  }

  async function copyPage(entity: Entity, chunk: CopyChunk, fence: Fence): Promise<CopyResult> {
    const bound = await access.bind(entity);
    const attempts = deadlockAttempts * 4;
    for (let attempt = 1; ; attempt++) {
      try {
        return await engine.transaction((session) => copyInside(session, bound, chunk, fence));
      } catch (error) {
        if (error instanceof LockstepError) throw error;
        if (attempt < attempts && (engine.isDeadlock(error) || engine.bulk.gaveWay(error))) {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * attempt));
          continue;
        }
        return await access.guarded(() => Promise.reject(error));
      }
    }
  }

  async function copyInside(
    session: Session,
    bound: BoundEntity,
    chunk: CopyChunk,
    fence: Fence,
  ): Promise<CopyResult> {
    await refuseFencedCopy(access, session, fence);
    if (!(await isWhereWeThink(session, fence.migration, chunk.from))) {
      return { taken: false, copied: 0, skipped: 0, refused: 0, met: false };
    }
    const { page } = chunk;
    const guard = guardOf(access, bound);
    const all = Array.from({ length: page.keys }, (_, position) => position);
    const kept = await guard.before(session, page, all);
    const load = await loaded(session, bound, page, kept, chunk.wary);
    const gone = new Set(await guard.after(session, page, load.copied));
    if (gone.size > 0) {
      await engine.bulk.removeRows(
        session,
        bound,
        [...gone].map((position) => placed(page, position)),
      );
    }
    const odd = [...load.refused.map(page.keyAt), ...chunk.unfit];
    const slow = await copySlowly(session, bound, odd, chunk, fence);
    const copied = load.copied.length - gone.size + slow.copied;
    const refused = slow.differences.length;
    const result = {
      taken: true,
      copied,
      skipped: page.keys + chunk.unfit.length - copied - refused,
      refused,
      met: load.present > 0,
    };
    await checkpoint(session, fence.migration, chunk, result);
    await record(session, fence.migration, slow.differences);
    return result;
  }

  /** All at once; then without those that are there; then by halves, until those that are refused are found. */
  async function loaded(
    session: Session,
    bound: BoundEntity,
    page: CopyPage,
    kept: readonly number[],
    wary: boolean,
  ) {
    const refused: number[] = [];
    const copied: number[] = [];
    let present = 0;
    let left = kept;
    if (wary) left = await withoutPresent(left);
    if (!(await tries(session, page, left))) {
      if (!wary) left = await withoutPresent(left);
      await byHalves(left);
    } else {
      copied.push(...left);
    }
    return { copied, refused, present };

    async function withoutPresent(positions: readonly number[]): Promise<readonly number[]> {
      if (positions.length === 0) return positions;
      const keys = positions.map((position) => placed(page, position));
      const there = new Set(await engine.bulk.present(session, bound, keys));
      present += there.size;
      return positions.filter((_, index) => !there.has(index));
    }

    async function byHalves(positions: readonly number[]): Promise<void> {
      if (positions.length === 0) return;
      if (await tries(session, page, positions)) {
        copied.push(...positions);
      } else if (positions.length === 1) {
        refused.push(...positions);
      } else {
        const middle = Math.ceil(positions.length / 2);
        await byHalves(positions.slice(0, middle));
        await byHalves(positions.slice(middle));
      }
    }
  }

  /** False where some row is refused; nothing of them is in then. */
  async function tries(session: Session, page: CopyPage, positions: readonly number[]): Promise<boolean> {
    if (positions.length === 0) return true;
    await session.query('SAVEPOINT lockstep_load');
    try {
      for (const part of page.parts) await loadPart(session, part, positions);
      await session.query('RELEASE SAVEPOINT lockstep_load');
      return true;
    } catch (error) {
      if (engine.isDeadlock(error) || engine.bulk.gaveWay(error)) throw error;
      if (!(error instanceof LoadRefused)) refuseUnlessAboutRows(error);
      await session.query('ROLLBACK TO SAVEPOINT lockstep_load');
      return false;
    }
  }

  async function loadPart(session: Session, part: CopyPart, positions: readonly number[]): Promise<void> {
    const rows = bytesOf(part, positions);
    if (rows.length > 0)
      await engine.bulk.copyIn(session, part.table, rows, part.table.reference ? 'absent' : 'new');
  }

  /** A store that is away, full or not prepared says nothing about a row. */
  function refuseUnlessAboutRows(error: unknown): StoreFailure {
    const failure = access.failureOf(error);
    const aboutAll = isUnprepared(failure) || /no such|permission denied/.test(failure.message);
    if (failure.code === 'StoreUnavailable' || aboutAll) throw error;
    return failure;
  }

  /** What the bulk load cannot take goes through the write routine, which says why. */
  async function copySlowly(
    session: Session,
    bound: BoundEntity,
    keys: readonly Key[],
    chunk: CopyChunk,
    fence: Fence,
  ): Promise<{ copied: number; differences: Difference[] }> {
    const differences: Difference[] = [];
    let copied = 0;
    if (keys.length === 0) return { copied, differences };
    const entity = bound.entity.name;
    const { items, unreadable } = await chunk.slowly(keys);
    for (const { key, reason } of unreadable)
      differences.push({ entity, key, verdict: 'unreadable', reason });
    for (let from = 0; from < items.length; from += itemsPerCall) {
      const list = items.slice(from, from + itemsPerCall);
      const outcomes = await copyList(session, bound, list, fence);
      for (const [index, item] of list.entries()) {
        const outcome = outcomes[index];
        if (outcome?.status === 'applied') copied += 1;
        if (outcome?.status === 'failed') {
          differences.push({ entity, key: item.key, verdict: 'refused', reason: outcome.failure.message });
        }
      }
    }
    return { copied, differences };
  }

  /** In one call, which takes all locks in one order; where one is refused, key by key. */
  async function copyList(
    session: Session,
    bound: BoundEntity,
    items: readonly WriteItem[],
    fence: Fence,
  ): Promise<Outcome[]> {
    const { ready, failed } = writes.rows(bound, items);
    if (ready.length === 0) return outcomesInOrder(items, failed);
    await session.query('SAVEPOINT lockstep_row');
    try {
      const written = await writes.call(session, bound, ready, fence);
      await session.query('RELEASE SAVEPOINT lockstep_row');
      return outcomesInOrder(items, failed, written);
    } catch (error) {
      if (engine.isDeadlock(error) || engine.bulk.gaveWay(error)) throw error;
      const failure = refuseUnlessAboutRows(error);
      await session.query('ROLLBACK TO SAVEPOINT lockstep_row');
      if (items.length === 1) return [{ status: 'failed', failure }];
    }
    const apart: Outcome[] = [];
    for (const item of items) apart.push(...(await copyList(session, bound, [item], fence)));
    return apart;
  }

  /** Locks the checkpoint, so that an attempt that was given up for lost cannot copy the same chunk beside us. */
  async function isWhereWeThink(session: Session, migration: string, from: Chunk): Promise<boolean> {
    const [row] = await session.query(
      `SELECT cursor_key, done FROM ${access.control('chunks')} WHERE migration = ? AND entity = ? AND range_no = ? FOR UPDATE`,
      [migration, from.entity, from.range],
    );
    const cursor = from.cursor ? keyText(from.cursor) : null;
    return row !== undefined && row.done === '0' && (row.cursor_key ?? null) === cursor;
  }

  async function checkpoint(
    session: Session,
    migration: string,
    { from, next, page }: CopyChunk,
    result: CopyResult,
  ): Promise<void> {
    await session.query(
      `UPDATE ${access.control('chunks')} SET cursor_key = ?, done = ?, copied = copied + ?, skipped = skipped + ?,
         refused = refused + ?, bytes = bytes + ?, updated_at = ${engine.text.now}
       WHERE migration = ? AND entity = ? AND range_no = ?`,
      [
        next.cursor ? keyText(next.cursor) : null,
        next.done ? 1 : 0,
        result.copied,
        result.skipped,
        result.refused,
        page.bytes,
        migration,
        from.entity,
        from.range,
      ],
    );
  }

  /** With the rows and the checkpoint: a refusal that is not recorded would be one that nobody hears of. */
  async function record(
    session: Session,
    migration: string,
    differences: readonly Difference[],
  ): Promise<void> {
    const columns = ['migration', 'entity', 'record_key', 'verdict', 'reason'];
    const upsert = engine.text.upsert(access.control('differences'), columns, [
      'migration',
      'entity',
      'record_key',
    ]);
    for (const { entity, key, verdict, reason } of differences) {
      await session.query(upsert, [migration, entity, keyText(key), verdict, reason.slice(0, 500)]);
    }
  }

  async function secondaryIndexes(entity: Entity): Promise<readonly string[]> {
    const { tables } = await access.bind(entity);
    const made: string[] = [];
    for (const { name } of tables)
      made.push(...(await access.guarded(() => engine.bulk.secondaryIndexes(name))));
    return made;
  }

  return { pageTarget, whyNoBulk, secondaryIndexes, copyPage };
}

function pageOfImages(access: Access, bound: BoundEntity, records: readonly { key: Key; image: Image }[]) {
  const { bulk } = access.engine;
  const parts = bound.tables.map((table) => ({
    table,
    text: new CopyText(),
    firsts: [] as number[],
    cells: table.columns.map((column) => ({ name: column.name, prefix: bulk.prefix(column) ?? '' })),
  }));
  const keys: Key[] = [];
  const unfit: { key: Key; failure: StoreFailure }[] = [];
  for (const { key, image } of records) {
    try {
      const rows = bound.rowsOf(image);
      for (const { table, text, firsts, cells } of parts) {
        firsts.push(text.rows);
        for (const row of rows[table.name] ?? []) {
          for (const { name, prefix } of cells) text.string(row[name] ?? null, prefix);
          text.endRow();
        }
      }
      keys.push(key);
    } catch (error) {
      unfit.push({ key, failure: { code: 'StoreRefused', message: shapeMessage(bound, 'toRows', error) } });
    }
  }
  const page: CopyPage = {
    bound,
    keys: keys.length,
    bytes: parts.reduce((sum, { text }) => sum + text.length, 0),
    parts,
    keyAt(position) {
      const key = keys[position];
      if (!key) throw new TypeError('a page has no key at this position');
      return key;
    },
    release() {
      for (const { text } of parts) text.release();
    },
  };
  return { page, unfit };
}
