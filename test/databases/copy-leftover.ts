import type { Chunk, Leftover, LoadResult } from '../../databases/contract/backfill.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import { fence } from './engine-roles.ts';

/** What a page has left over comes in by the write routine, with the checkpoint: here of a page without any row of its own. */
export async function copyLeftover(
  store: Store,
  entity: Entity,
  items: readonly WriteItem[],
  from: Chunk,
  {
    next = {},
    unreadable = [],
    lossy = [],
    under = fence,
  }: {
    next?: Partial<Pick<Chunk, 'cursor' | 'done'>>;
    unreadable?: Leftover['unreadable'];
    lossy?: Leftover['lossy'];
    under?: typeof fence;
  } = {},
): Promise<LoadResult> {
  const { page } = (await store.pageTarget(entity)).pageOf([]);
  const { cursor, done } = { ...from, ...next };
  return await store.loadPage(
    entity,
    {
      page,
      except: [],
      leftover: { items, unreadable, lossy },
      from,
      next: { cursor, done },
      checkExisting: false,
      checkParents: false,
    },
    under,
  );
}
