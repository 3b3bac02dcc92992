import { compareText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { Fence, Outcome, WriteItem } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { throughDeadlocks } from './deadlocks.ts';
import { shapeMessage } from './images.ts';
import { createRecordedRefusals } from './recorded-refusals.ts';
import { locksOf, outcomeOf, outcomesInOrder, type ReadyItem, readyItem } from './write-request.ts';

/** Lists of guarded writes: one call of the entity's write routine, or several where one of them is refused. */
export function createGuardedWrites(context: StoreContext) {
  const { withRecorded } = createRecordedRefusals(context);

  async function write(entity: Entity, items: readonly WriteItem[], fence: Fence): Promise<Outcome[]> {
    if (items.length === 0) return [];
    const bound = await context.bind(entity);
    const { ready, failed } = rows(bound, items);
    const outcomes = outcomesInOrder(items, failed, await writeReady(bound, ready, fence));
    return await withRecorded(entity, items, outcomes, fence);
  }

  /** Turns items into rows. An item that cannot be turned has failed for good, and its neighbours go on. */
  function rows(
    bound: BoundEntity,
    items: readonly WriteItem[],
  ): { readonly ready: readonly ReadyItem[]; readonly failed: ReadonlyMap<number, Outcome> } {
    const ready: ReadyItem[] = [];
    const failed = new Map<number, Outcome>();
    for (const [position, item] of items.entries()) {
      try {
        ready.push(readyItem(bound, item, position));
      } catch (error) {
        failed.set(position, {
          status: 'failed',
          failure: { code: 'StoreRefused', about: 'row', message: shapeMessage(bound, 'toRows', error) },
        });
      }
    }
    ready.sort((left, right) => compareText(left.order, right.order) || left.position - right.position);
    return { ready, failed };
  }

  async function writeReady(
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
  ): Promise<Map<number, Outcome>> {
    if (ready.length === 0) return new Map();
    try {
      return await call(null, bound, ready, fence);
    } catch (error) {
      const failure = await context.refusalOf(error, [bound.entity]);
      const [only, ...rest] = ready;
      if (only && rest.length === 0) return new Map([[only.position, { status: 'failed', failure }]]);
      return await writeApart(bound, ready, fence);
    }
  }

  /** One of them is refused: by halves, so that its neighbours get in with few round trips. */
  async function writeApart(
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
  ): Promise<Map<number, Outcome>> {
    const middle = Math.ceil(ready.length / 2);
    const first = await writeReady(bound, ready.slice(0, middle), fence);
    const second = await writeReady(bound, ready.slice(middle), fence);
    return new Map([...first, ...second]);
  }

  async function call(
    session: Session | null,
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
    locked?: string,
  ): Promise<Map<number, Outcome>> {
    const items = `[${ready.map((item) => item.json).join(',')}]`;
    // A version is decided above all guards that it raises: also those that are not there yet must be locked before.
    const several = ready.length > 1 || ready.some(({ item }) => item.sharedVersions.length > 0);
    const locks = locked ?? (several ? locksOf([{ bound, ready }]) : null);
    const request = { fence, items, locks };
    const once = () => context.engine.callWrite(session, bound, request);
    // Inside a transaction of ours the whole of it is gone with a deadlock; its owner starts again.
    const rows = await (session ? once() : throughDeadlocks(context.engine, once));
    return new Map(rows.map((row) => [Number(row.ordinal), outcomeOf(row)]));
  }

  return { write, rows, writeApart, call };
}

export type GuardedWrites = ReturnType<typeof createGuardedWrites>;
