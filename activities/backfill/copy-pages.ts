import type {
  CopyPage,
  ImagePage,
  Leftover,
  PageRange,
  PageTarget,
} from '../../databases/contract/backfill.ts';
import type { Store } from '../../databases/contract/store.ts';
import { type Key, recordIdentity } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { holdsShared, sharedRecords } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { partBytes } from '../fitting-parts.ts';
import { secondaryItems } from '../write/converge.ts';

/** Images are objects, and many of them at once keep the collector busy. */
const maxImages = 5_000;
/** Rows of a range that are on their way, and the keys whose rows cannot come in with them. */
export interface PendingPage {
  readonly page: CopyPage;
  readonly notLoadable: readonly Key[];
  readonly last: Key | null;
  readonly full: boolean;
}

/** Where pages of an entity come from, and what becomes of keys whose rows cannot come in with the others. */
export interface Pages {
  next(range: PageRange): Promise<PendingPage>;
  /** What the source has of keys whose rows cannot come in with their page. */
  leftover(keys: readonly Key[]): Promise<Leftover>;
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
    next: (range) =>
      read(
        { ...range, maxBytes: partBytes },
        { ...range, maxBytes: partBytes, limit: Math.min(range.limit, maxImages) },
      ),
    leftover: (keys) => leftoverOf(context, entity, source, keys, route),
  };

  async function read(range: PageRange, ofImages: PageRange): Promise<PendingPage> {
    return (await source.readPage(entity, into, range)) ?? (await pageOfImages(into, ofImages));
  }

  async function pageOfImages(into: PageTarget, range: PageRange): Promise<PendingPage> {
    const read = (await source.readImages(entity, range)) ?? (await readByKeys(range));
    const guarded = into.refusesShared ? read.records : await recordsWithGuards(read.records);
    const apart = new Set(guarded);
    const { page, notLoadable } = into.pageOf(read.records.filter((record) => !apart.has(record)));
    return {
      ...read,
      page,
      notLoadable: [
        ...read.notLoadable,
        ...guarded.map(({ key }) => key),
        ...notLoadable.map(({ key }) => key),
      ],
    };
  }

  /** What a shared record was written with through Lockstep goes along with its guard, which a page does not carry. */
  async function recordsWithGuards(records: ImagePage['records']): Promise<ImagePage['records']> {
    if (!holdsShared(entity.fields)) return [];
    const shared = new Map<string, { name: string; key: Key }>();
    const names = records.map(({ image }) =>
      sharedRecords(entity.fields, image).map(({ name, key }) => {
        const text = recordIdentity(name, key);
        shared.set(text, { name, key });
        return text;
      }),
    );
    if (shared.size === 0) return [];
    const guards = await source.guards([...shared.values()]);
    const known = new Set(guards.map(({ name, key }) => recordIdentity(name, key)));
    return known.size === 0
      ? []
      : records.filter((_, index) => names[index]?.some((text) => known.has(text)));
  }

  async function readByKeys(range: PageRange): Promise<ImagePage> {
    const all = await source.keys(entity, range);
    const { after, maxBytes } = range;
    const { keys } =
      maxBytes === undefined ? { keys: all } : await source.fittingKeys(entity, all, { after, maxBytes });
    const stored = await source.read(entity, keys);
    return {
      records: stored.flatMap(({ key, image, lossy }) => (image && lossy === null ? [{ key, image }] : [])),
      notLoadable: stored.flatMap(({ key, unreadable, lossy }) =>
        unreadable === null && lossy === null ? [] : [key],
      ),
      last: keys.at(-1) ?? null,
      full: keys.length < all.length || all.length >= Math.floor(range.limit),
    };
  }
}

/** Keys as items for the write routine, as they are at the source now, and those whose rows cannot be read. */
async function leftoverOf(
  context: Pick<ActivityContext, 'stores'>,
  entity: Entity,
  source: Store,
  keys: readonly Key[],
  route: WriteRoute,
): Promise<Leftover> {
  if (keys.length === 0) return { items: [], unreadable: [], lossy: [] };
  const stored = await source.read(entity, keys);
  const readable = stored.filter((record) => record.unreadable === null);
  return {
    items: await secondaryItems(context, entity, readable, route, 'copy'),
    unreadable: stored.flatMap(({ key, unreadable }) =>
      unreadable === null ? [] : [{ key, reason: unreadable }],
    ),
    lossy: stored.flatMap(({ key, lossy }) => (lossy === null ? [] : [{ key, reason: lossy }])),
  };
}
