import { Context } from '@temporalio/activity';
import type { Again, WaitingPage } from '../../databases/contract/backfill.ts';
import { keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { ActivityContext } from '../context.ts';
import { hugeBytes } from './chunk-size.ts';
import { type PendingPage, pagesOf } from './copy-pages.ts';
import type { BulkRoute } from './copy-range.ts';
import { loadPending } from './load-pending.ts';
import { createPause, isCancelled, msForRate } from './pause.ts';
import type { Throttle } from './throttle.ts';

const pagesPerList = 50;
/** More than a page has ever had: what is read again was a page before. */
const unlimited = 1_000_000_000;

export interface WaitingRequest {
  readonly entity: Entity;
  readonly backwards: boolean;
  readonly isLast: boolean;
  /** Null is unlimited. */
  readonly keysPerSecond: number | null;
  readonly after: WaitingPosition | null;
  readonly sliceMs: number;
  readonly check: () => Promise<void>;
}

export type WaitingPosition = Pick<WaitingPage, 'range' | 'page'>;

/** What a stretch of a round has brought in. */
export interface WaitingSlice {
  /** Keys that wait no more. */
  readonly settled: number;
  /** Pages that have grown and were cut in two: the second half is read in its turn, which may be the next round. */
  readonly cut: number;
  readonly waiting: number;
  readonly throttledMs: number;
  /** Where the round goes on; null at its end. */
  readonly after: WaitingPosition | null;
}

/** Reads pages again that have rows without their parents, one after the other, for about `sliceMs`. */
export function createWaitingCopier(context: ActivityContext, throttle: Throttle) {
  const { migration, stores } = context;
  const pause = createPause(context);

  async function copyWaiting(
    { entity, backwards, isLast, keysPerSecond, after, sliceMs, check }: WaitingRequest,
    route: BulkRoute,
  ): Promise<WaitingSlice> {
    const source = stores[route.primary];
    const target = stores[route.secondary];
    const fence = { migration: migration.name, epoch: route.epoch };
    const until = Date.now() + sliceMs;
    const pages = await pagesOf(context, entity, source, target, route);
    let position = after;
    let settled = 0;
    let cut = 0;
    let waiting = 0;
    let throttledMs = 0;
    let checkParents = false;
    const reading: { ahead: Promise<PendingPage> | null } = { ahead: null };
    try {
      for (;;) {
        const list = { backwards, after: position, limit: pagesPerList };
        const found = await target.waitingPages(migration.name, entity.name, list);
        for (const [index, page] of found.entries()) {
          const following = found[index + 1] ?? null;
          const began = Date.now();
          const copied = await throttle.run(() => copyPage({ of: page, isLast }, following), pause);
          const { left, keys, isCut } = copied.result;
          throttledMs += copied.pausedMs;
          settled += page.waiting - left;
          waiting += left;
          if (isCut) cut += 1;
          position = { range: page.range, page: page.page };
          Context.current().heartbeat({ settled });
          await pause(msForRate(keys, keysPerSecond, Date.now() - began));
          if (Date.now() >= until || isCancelled())
            return { settled, cut, waiting, throttledMs, after: position };
        }
        // A page that has grown leaves one behind all others, which may be the only one of its list.
        if (found.length === 0) return { settled, cut, waiting, throttledMs, after: null };
      }
    } finally {
      // A page that nobody takes is still being read.
      const left = await reading.ahead?.catch(() => null);
      left?.page.release();
    }

    /** All of a page, as it was read before, unless its rows have grown since. */
    function read({ lower, upper }: WaitingPage): Promise<PendingPage> {
      const page = throttle.ahead(() => pages.next({ after: lower, upTo: upper, limit: unlimited }));
      // It is awaited later; until then a failure must not count as unhandled.
      page.catch(() => undefined);
      return page;
    }

    /** How many keys it has, and how many of them wait on. The following page is read meanwhile. */
    async function copyPage(
      again: Again,
      following: WaitingPage | null,
    ): Promise<{ left: number; keys: number; isCut: boolean }> {
      const { of } = again;
      const { page, notLoadable, last, full } = await (reading.ahead ?? read(of));
      const isAhead = throttle.readsAhead && page.bytes < hugeBytes;
      reading.ahead = following && isAhead ? read(following) : null;
      await check();
      // The bound in bytes may lie at the end of the page.
      const done = !full || (last !== null && of.upper !== null && keyText(last) === keyText(of.upper));
      const chunk = { entity: of.entity, range: of.range, ...noCounts };
      const keys = page.keys + notLoadable.length;
      const step = {
        from: chunk,
        next: { cursor: last, done },
        again,
        checkExisting: !done || keys > of.waiting,
        checkParents,
      };
      const result = await loadPending(target, entity, pages, { page, notLoadable }, step, fence);
      page.release();
      // Another attempt was there: the next round sees what is left.
      if (result.status !== 'committed') return { left: of.waiting, keys, isCut: false };
      checkParents = result.outOfOrder;
      return { left: result.waiting, keys, isCut: !done };
    }
  }

  return { copyWaiting };
}

const noCounts = {
  lower: null,
  upper: null,
  cursor: null,
  done: false,
  copied: 0,
  skipped: 0,
  refused: 0,
  bytes: 0,
};
