import { compareText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import type { Fence, Outcome, StoreFailure, WriteItem } from '../contract/write.ts';
import type { RecordName } from '../engine/list-engine.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { throughDeadlocks } from './deadlocks.ts';
import { createErasingWrites } from './erasing-writes.ts';
import { shapeMessage } from './images.ts';
import { createKnownOperations } from './known-operations.ts';
import { writeList } from './list-write.ts';
import { createRecordedRefusals } from './recorded-refusals.ts';
import { withUnfitColumns } from './unfit-columns.ts';
import { isUnusableKeyThere } from './unusable-keys.ts';
import {
  locksOf,
  outcomeOf,
  outcomesInOrder,
  type ReadyItem,
  readyItem,
  routineItem,
} from './write-request.ts';

interface ItemsAsRows {
  readonly ready: readonly ReadyItem[];
  readonly failed: ReadonlyMap<number, Outcome>;
}

/** Lists of guarded writes: as one, or in parts where one of them is refused. */
export function createGuardedWrites(context: StoreContext) {
  const { withRecorded } = createRecordedRefusals(context);
  const { withoutOthers } = createKnownOperations(context);
  const { erasing } = createErasingWrites(context);

  async function write(
    entity: Entity,
    items: readonly WriteItem[],
    fence: Fence,
  ): Promise<readonly Outcome[]> {
    if (items.length === 0) return [];
    const bound = await context.bind(entity);
    const { ready, failed } = await sound(bound, items);
    const outcomes = outcomesInOrder(items, failed, await writeReady(bound, ready, fence));
    const own = await withoutOthers(entity, items, outcomes, fence);
    return await withRecorded(entity, items, own, fence);
  }

  /** Items as rows, without those that would erase what the shape does not hold. It reads, and so comes before a transaction. */
  async function sound(bound: BoundEntity, items: readonly WriteItem[]): Promise<ItemsAsRows> {
    const { ready, failed } = rows(bound, items, await erasing(bound, items));
    const outcomes = new Map(failed);
    for (const position of failed.keys()) {
      const item = items[position];
      if (item && (await isGone(bound, item)))
        outcomes.set(position, { status: 'applied', version: item.version });
    }
    return { ready, failed: outcomes };
  }

  /**
   * Turns items into rows. An item that cannot be turned has failed for good, and its neighbours go on.
   *
   * @param refused those that have failed already, by their places
   */
  function rows(
    bound: BoundEntity,
    items: readonly WriteItem[],
    refused: ReadonlyMap<number, StoreFailure> = new Map(),
  ): ItemsAsRows {
    const ready: ReadyItem[] = [];
    const failed = new Map<number, Outcome>();
    for (const [position, item] of items.entries()) {
      const failure = refused.get(position);
      if (failure) {
        failed.set(position, { status: 'failed', failure });
        continue;
      }
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

  /** What cannot be looked for, and is in no row, is deleted. */
  async function isGone(bound: BoundEntity, { mode, image, key }: WriteItem): Promise<boolean> {
    if (mode === 'primary' || image !== null || keyFault(bound, key) === null) return false;
    return !(await isUnusableKeyThere(context, bound, key));
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
      const refusal = await context.refusalOf(error, [bound.entity]);
      const [only, ...rest] = ready;
      if (only && rest.length === 0) {
        const failure = withUnfitColumns(refusal, bound, only.rows);
        return new Map([[only.position, { status: 'failed', failure }]]);
      }
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

  /**
   * One item by the write routine, in one round trip; several of them step by step.
   *
   * @param locks of all lists that follow in the same transaction
   */
  async function call(
    session: Session | null,
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
    locks?: readonly RecordName[],
  ): Promise<Map<number, Outcome>> {
    const [only, ...others] = ready;
    if (only && others.length === 0) return await callRoutine(session, bound, only, fence, locks);
    if (session) return await writeList(context, session, bound, ready, fence, locks);
    return await throughDeadlocks(context.engine, () =>
      context.engine.transaction((own) => writeList(context, own, bound, ready, fence), fence.lockWaitMs),
    );
  }

  async function callRoutine(
    session: Session | null,
    bound: BoundEntity,
    ready: ReadyItem,
    fence: Fence,
    locked?: readonly RecordName[],
  ): Promise<Map<number, Outcome>> {
    // A version is decided above all guards that it raises: also those that are not there yet must be locked before.
    const locks = locked ?? (ready.shared.length > 0 ? locksOf([{ bound, ready: [ready] }]) : null);
    const request = { fence, item: routineItem(bound, ready), locks };
    const once = () => context.engine.callWrite(session, bound, request);
    // Inside a transaction of ours the whole of it is gone with a deadlock; its owner starts again.
    const row = await (session ? once() : throughDeadlocks(context.engine, once));
    return new Map([[ready.position, outcomeOf(row)]]);
  }

  return { write, sound, rows, erasing, call };
}

export type GuardedWrites = ReturnType<typeof createGuardedWrites>;
