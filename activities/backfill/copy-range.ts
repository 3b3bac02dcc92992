import { Context } from '@temporalio/activity';
import type { Chunk } from '../../databases/contract/backfill.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { ChunkSize, hugeBytes } from './chunk-size.ts';
import { type PendingPage, pagesOf } from './copy-pages.ts';
import { loadPending } from './load-pending.ts';
import { createPause, isCancelled, msForRate } from './pause.ts';
import type { Throttle } from './throttle.ts';

interface CopyRequest {
  readonly entity: Entity;
  readonly range: number;
  /** Null is unlimited. */
  readonly keysPerSecond: number | null;
  readonly sliceMs: number;
  /** Throws where the tables are not as they were planned with. */
  readonly check: () => Promise<void>;
}

/** Where a range stands after a slice, and how long that one paused for live writes. */
interface CopiedSlice {
  readonly chunk: Chunk;
  readonly throttledMs: number;
}

export type BulkRoute = WriteRoute & { readonly secondary: NonNullable<WriteRoute['secondary']> };

/** Copies pages of a range for about `sliceMs` from its checkpoint on: the next is read while one is written. */
export function createRangeCopier(context: ActivityContext, throttle: Throttle) {
  const { migration, stores } = context;
  const pause = createPause(context);
  /** What one range has taught is good for the others. */
  const sizes = new Map<string, ChunkSize>();
  /** Entities of which no row of a page could come in before those of later ones: the others are left for the next round, unread. */
  const postponed = new Set<string>();

  async function copyByPages(order: CopyRequest, route: BulkRoute): Promise<CopiedSlice> {
    const { entity, range, keysPerSecond } = order;
    const target = stores[route.secondary];
    const size = sizeFor(entity);
    const pages = await pagesOf(context, entity, stores[route.primary], target, route);
    const fence = { migration: migration.name, epoch: route.epoch };
    const reading: { ahead: Promise<PendingPage> | null } = { ahead: null };
    let checkExisting = false;
    let checkParents = false;
    try {
      return await copyChunks(order, target, (from) => {
        if (range === 0 && from.cursor === null) postponed.delete(entity.name);
        return postponed.has(entity.name) && !reading.ahead ? postpone(from) : copyChunk(from);
      });
    } finally {
      // A page that nobody takes is still being read.
      await reading.ahead?.catch(() => undefined);
    }

    function readFrom(from: Chunk): Promise<PendingPage> {
      const reading = throttle.ahead(() => readChecked(from));
      // It is awaited later; until then a failure must not count as unhandled.
      reading.catch(() => undefined);
      return reading;
    }

    /** Looked at after the page was read: under another key the order, and so the cursor, would be another. */
    async function readChecked({ cursor, lower, upper }: Chunk): Promise<PendingPage> {
      const page = await pages.next({
        after: cursor ?? lower,
        upTo: upper,
        limit: size.keys(keysPerSecond),
      });
      await order.check();
      return page;
    }

    /** No key of it counts for the rate: the next round reads them. */
    async function postpone(from: Chunk): Promise<{ chunk: Chunk; keys: number }> {
      const limit = size.keys(keysPerSecond);
      const { cursor, lower, upper } = from;
      const keys = await stores[route.primary].keys(entity, { after: cursor ?? lower, upTo: upper, limit });
      await order.check();
      const next = { cursor: keys.at(-1) ?? cursor, done: keys.length < limit };
      const isPostponed = await target.postponePage(entity, { from, next, keys: keys.length }, fence);
      size.learnPostponed({ keys: keys.length, live: throttle.isActive });
      return { chunk: isPostponed ? { ...from, ...next } : await chunkOf(target, entity, range), keys: 0 };
    }

    async function copyChunk(from: Chunk): Promise<{ chunk: Chunk; keys: number }> {
      const started = Date.now();
      const { page, notLoadable, last, full } = await (reading.ahead ?? readFrom(from));
      const next = { cursor: last ?? from.cursor, done: !full };
      // While live writes are given way to, nothing is done ahead.
      const isAhead = full && throttle.readsAhead && !postponed.has(entity.name) && page.bytes < hugeBytes;
      reading.ahead = isAhead ? readFrom({ ...from, ...next }) : null;
      const step = { from, next, checkExisting, checkParents };
      const result = await loadPending(target, entity, pages, { page, notLoadable }, step, fence);
      const committed = result.status === 'committed' ? result : null;
      checkExisting = committed?.foundExisting ?? false;
      checkParents = committed?.outOfOrder ?? false;
      if (!committed) {
        await reading.ahead;
        reading.ahead = null;
      }
      const chunk = committed
        ? {
            ...from,
            ...next,
            copied: from.copied + committed.copied,
            skipped: from.skipped + committed.skipped,
            refused: from.refused + committed.refused,
            bytes: from.bytes + page.bytes,
          }
        : await chunkOf(target, entity, range);
      const keys = page.keys + notLoadable.length;
      if (keys > 0 && committed?.waiting === keys) postponed.add(entity.name);
      const { bytes } = page;
      page.release();
      size.learn({ keys, bytes, ms: Date.now() - started, live: throttle.isActive });
      return { chunk, keys };
    }
  }

  /** Chunk after chunk for about `sliceMs`, in turn with live writes and at the rate. */
  async function copyChunks(
    { entity, range, keysPerSecond, sliceMs }: CopyRequest,
    target: Store,
    copy: (from: Chunk) => Promise<{ chunk: Chunk; keys: number }>,
  ): Promise<CopiedSlice> {
    const until = Date.now() + sliceMs;
    let chunk = await chunkOf(target, entity, range);
    let throttledMs = 0;
    while (!chunk.done && Date.now() < until && !isCancelled()) {
      const from = chunk;
      const began = Date.now();
      const { result, pausedMs } = await throttle.run(() => copy(from), pause, {
        alone: sizeFor(entity).isHuge,
      });
      chunk = result.chunk;
      throttledMs += pausedMs;
      Context.current().heartbeat({ range, copied: chunk.copied });
      if (!chunk.done) await pause(msForRate(result.keys, keysPerSecond, Date.now() - began));
    }
    return { chunk, throttledMs };
  }

  function sizeFor(entity: Entity): ChunkSize {
    const known = sizes.get(entity.name) ?? new ChunkSize(migration.policy.backfillChunk);
    sizes.set(entity.name, known);
    return known;
  }

  async function chunkOf(target: Store, entity: Entity, range: number): Promise<Chunk> {
    const chunks = await target.chunks(migration.name, entity.name);
    const chunk = chunks.find((candidate) => candidate.range === range);
    if (chunk) return chunk;
    throw new LockstepError(
      'Unexpected',
      `the ${target.name} store has no plan for range ${range} of ${entity.name}: the primary has changed since this copy began; ` +
        'lockstep backfill begins another',
    );
  }

  return { copyByPages };
}
