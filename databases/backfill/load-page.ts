import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { LoadResult, PageLoad, PageTarget } from '../contract/backfill.ts';
import type { Fence, StoreFailure } from '../contract/write.ts';
import { RollBack, type Session } from '../engine/session.ts';
import { ownedTables, type StoreContext } from '../sql/context.ts';
import { throughDeadlocks } from '../sql/deadlocks.ts';
import { putDifferences } from '../sql/differences.ts';
import { holdFence } from '../sql/fence.ts';
import type { GuardedWrites } from '../sql/guarded-write.ts';
import { boundPage, placed } from './bound-page.ts';
import { checkpointUnchanged, moveCheckpoint } from './checkpoint.ts';
import { type CopyGuard, createCopyGuard } from './copy-guard.ts';
import { loadRows } from './load-rows.ts';
import { BoundTarget } from './page-target.ts';
import { type ParentLink, parentLinksOf } from './parent-links.ts';
import { isTransient } from './rejection.ts';
import { putWaiting, settleWaiting, waitingUnchanged } from './waiting.ts';
import { writeLeftover } from './write-leftover.ts';

/** A page meets every live write in its way. */
const attempts = 20;

/** Ends the transaction that runs around it: what the write routine is to do must be known before. */
class Rejected extends RollBack {
  readonly positions: readonly number[];

  constructor(positions: readonly number[]) {
    super('rows of a page were rejected');
    this.positions = positions;
  }
}

/** Pages come in by the engine's bulk load, with their checkpoint, past every row that a live write or delete has touched. */
export function pageLoads(
  context: StoreContext,
  writes: GuardedWrites,
  guardOf: (context: StoreContext, bound: BoundEntity) => CopyGuard = createCopyGuard,
) {
  const { engine } = context;

  async function pageTarget(entity: Entity): Promise<PageTarget> {
    return new BoundTarget(await context.bind(entity), engine.bulk);
  }

  function slowLoadReason(): Promise<string | null> {
    const tables = context.migration.entities.flatMap((entity) => ownedTables(entity, context.name));
    return context.translateErrors(() => engine.bulk.slowCopyInReason(tables));
  }

  async function loadPage(entity: Entity, load: PageLoad, fence: Fence): Promise<LoadResult> {
    const bound = await context.bind(entity);
    const links = await context.translateErrors(() => parentLinksOf(context, bound));
    // On another connection, which a transaction must not wait for.
    const refused = await writes.erasing(bound, load.leftover.items);
    try {
      return await throughDeadlocks(
        engine,
        () => engine.transaction((session) => loadInside(session, bound, links, load, refused, fence)),
        { attempts, isTransient: (error) => isTransient(context, error) },
      );
    } catch (error) {
      if (error instanceof Rejected) return { status: 'rejected', positions: error.positions };
      if (error instanceof LockstepError) throw error;
      return await context.translateErrors(() => Promise.reject(error));
    }
  }

  async function loadInside(
    session: Session,
    bound: BoundEntity,
    links: readonly ParentLink[],
    { page: given, except, leftover, from, next, checkExisting, checkParents, again }: PageLoad,
    refusedBefore: ReadonlyMap<number, StoreFailure>,
    fence: Fence,
  ): Promise<LoadResult> {
    await holdFence(context, session, fence, 'secondary', [bound]);
    const isUnchanged = again
      ? await waitingUnchanged(context, session, fence.migration, again.of)
      : await checkpointUnchanged(context, session, fence.migration, from);
    if (!isUnchanged) return { status: 'overtaken' };
    const mayWait = again?.isLast !== true;
    const page = boundPage(given);
    const guard = guardOf(context, bound);
    const left = new Set(except);
    const wanted = Array.from({ length: page.keys }, (_, position) => position).filter(
      (position) => !left.has(position),
    );
    const kept = await guard.before(session, page, wanted);
    const options = { checkExisting, checkParents, links, mayWait };
    const { loaded, rejected, existing, outOfOrder, ...rest } = await loadRows(
      context,
      session,
      page,
      kept,
      options,
    );
    if (rejected.length > 0) throw new Rejected(rejected);
    const gone = await guard.after(session, page, loaded);
    if (gone.length > 0) {
      const keys = gone.map((position) => placed(page, position));
      await engine.bulk.removeRows(session, bound, keys);
    }
    const written = await writeLeftover(
      context,
      writes,
      session,
      bound,
      leftover,
      refusedBefore,
      fence,
      mayWait,
    );
    const copied = loaded.length - gone.length + written.copied;
    const { refused } = written;
    const waiting = rest.waiting.length + written.waiting;
    // With the rows and the checkpoint: a refusal that is not recorded would be one that nobody hears of.
    await putDifferences(context, session, fence.migration, written.differences);
    if (again) {
      const found = { copied, refused, waiting };
      const counts = await settleWaiting(context, session, fence.migration, again.of, next, found);
      return { status: 'committed', ...counts, foundExisting: existing > 0, outOfOrder };
    }
    const all = wanted.length + leftover.items.length + leftover.unreadable.length;
    const counts = { copied, skipped: all - copied - refused - waiting, refused };
    await moveCheckpoint(context, session, fence.migration, from, { ...next, ...counts, bytes: page.bytes });
    const bounds = { lower: from.cursor ?? from.lower, upper: next.cursor };
    await putWaiting(context, session, fence.migration, from, bounds, { waiting, refused });
    return { status: 'committed', ...counts, waiting, foundExisting: existing > 0, outOfOrder };
  }

  async function secondaryIndexes(entity: Entity): Promise<readonly string[]> {
    const { tables } = await context.bind(entity);
    const made: string[] = [];
    for (const { name } of tables)
      made.push(...(await context.translateErrors(() => engine.bulk.secondaryIndexes(name))));
    return made;
  }

  return { pageTarget, slowLoadReason, secondaryIndexes, loadPage };
}
