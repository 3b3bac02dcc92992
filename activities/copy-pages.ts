import type { PageRange, PageTarget } from '../databases/bulk-read.ts';
import type { CopyPage } from '../databases/copy-page.ts';
import type { Store, WriteItem } from '../databases/store.ts';
import type { Key } from '../model/canonical.ts';
import type { Entity } from '../model/entity.ts';
import type { WriteRoute } from '../model/operation.ts';
import type { ActivityContext } from './context.ts';
import { followingItems } from './converge.ts';

/** Rows of a range that are on their way, and the keys that take the long way. */
export interface PageAtHand {
  readonly page: CopyPage;
  readonly unfit: readonly Key[];
  readonly last: Key | null;
  readonly full: boolean;
}

/** Where pages of an entity come from, and what becomes of keys whose rows cannot come in with the others. */
export interface Pages {
  next(range: PageRange): Promise<PageAtHand>;
  slowly(keys: readonly Key[]): Promise<{
    items: readonly WriteItem[];
    unreadable: readonly { key: Key; reason: string }[];
  }>;
}

/** Column maps are read as rows, shapes with functions as images. */
export async function pagesOf(
  context: Pick<ActivityContext, 'stores'>,
  entity: Entity,
  source: Store,
  target: Store,
  route: WriteRoute,
): Promise<Pages> {
  const into = await target.pageTarget(entity);
  return {
    next: async (range) => (await source.readPage(entity, into, range)) ?? (await pageOfImages(into, range)),
    slowly,
  };

  async function slowly(keys: readonly Key[]) {
    const stored = await source.read(entity, keys);
    const readable = stored.filter((record) => record.unreadable === null);
    return {
      items: await followingItems(context, entity, readable, route, 'copy'),
      unreadable: stored.flatMap(({ key, unreadable }) =>
        unreadable === null ? [] : [{ key, reason: unreadable }],
      ),
    };
  }

  async function pageOfImages(into: PageTarget, range: PageRange): Promise<PageAtHand> {
    const keys = await source.keys(entity, range);
    const { items, unreadable } = await slowly(keys);
    // What a shared record was written with through Lockstep goes along with its guard, which a page does not carry.
    const guarded = items.filter((item) => item.brings.length > 0 || into.refusesShared);
    const plain = items.flatMap(({ key, image, brings }) =>
      image && brings.length === 0 && !into.refusesShared ? [{ key, image }] : [],
    );
    const { page, unfit } = into.pageOf(plain);
    return {
      page,
      unfit: [...unreadable, ...guarded, ...unfit].map(({ key }) => key),
      last: keys.at(-1) ?? null,
      full: keys.length >= range.limit,
    };
  }
}
