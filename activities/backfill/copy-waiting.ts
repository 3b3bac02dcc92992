import { Context } from '@temporalio/activity';
import type { Again, WaitingPage } from '../../databases/contract/backfill.ts';
import type { Entity } from '../../model/entity.ts';
import type { ActivityContext } from '../context.ts';
import { type PendingPage, pagesOf } from './copy-pages.ts';
import type { BulkRoute } from './copy-range.ts';
import { loadPending } from './load-pending.ts';
import { createPause, isCancelled } from './pause.ts';
import type { Throttle } from './throttle.ts';

const pagesPerList = 50;

export interface WaitingRequest {
  readonly entity: Entity;
  readonly backwards: boolean;
  readonly isLast: boolean;
  readonly after: WaitingPosition | null;
  readonly sliceMs: number;
  readonly check: () => Promise<void>;
}

export type WaitingPosition = Pick<WaitingPage, 'range' | 'page'>;

/** What a stretch of a round has brought in. */
export interface WaitingSlice {
  /** Keys that wait no more. */
  readonly settled: number;
  readonly waiting: number;
  /** Where the round goes on; null at its end. */
  readonly after: WaitingPosition | null;
}

/** Reads pages again that have rows without their parents, one after the other, for about `sliceMs`. */
export function createWaitingCopier(context: ActivityContext, throttle: Throttle) {
  const { migration, stores } = context;
  const pause = createPause(context);

  async function copyWaiting(
    { entity, backwards, isLast, after, sliceMs, check }: WaitingRequest,
    route: BulkRoute,
  ): Promise<WaitingSlice> {
    const source = stores[route.primary];
    const target = stores[route.secondary];
    const fence = { migration: migration.name, epoch: route.epoch };
    const until = Date.now() + sliceMs;
    const pages = await pagesOf(context, entity, source, target, route);
    let position = after;
    let settled = 0;
    let waiting = 0;
    let checkParents = false;
    const reading: { ahead: Promise<PendingPage> | null } = { ahead: null };
    try {
      for (;;) {
        const list = { backwards, after: position, limit: pagesPerList };
        const found = await target.waitingPages(migration.name, entity.name, list);
        for (const [index, page] of found.entries()) {
          const following = found[index + 1] ?? null;
          const { result: left } = await throttle.run(() => copyPage({ of: page, isLast }, following), pause);
          settled += page.waiting - left;
          waiting += left;
          position = { range: page.range, page: page.page };
          Context.current().heartbeat({ settled });
          if (Date.now() >= until || isCancelled()) return { settled, waiting, after: position };
        }
        if (found.length < pagesPerList) return { settled, waiting, after: null };
      }
    } finally {
      // A page that nobody takes is still being read.
      const left = await reading.ahead?.catch(() => null);
      left?.page.release();
    }

    function read({ lower, upper }: WaitingPage): Promise<PendingPage> {
      const page = pages.whole({ after: lower, upTo: upper });
      // It is awaited later; until then a failure must not count as unhandled.
      page.catch(() => undefined);
      return page;
    }

    /** How many keys wait on. The following page is read meanwhile. */
    async function copyPage(again: Again, following: WaitingPage | null): Promise<number> {
      const { of } = again;
      const { page, notLoadable } = await (reading.ahead ?? read(of));
      reading.ahead = following && throttle.readsAhead ? read(following) : null;
      await check();
      const chunk = { entity: of.entity, range: of.range, ...noCounts };
      const step = {
        from: chunk,
        next: chunk,
        again,
        checkExisting: page.keys + notLoadable.length > of.waiting,
        checkParents,
      };
      const result = await loadPending(target, entity, pages, { page, notLoadable }, step, fence);
      page.release();
      // Another attempt was there: the next round sees what is left.
      if (result.status !== 'committed') return of.waiting;
      checkParents = result.outOfOrder;
      return result.waiting;
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
