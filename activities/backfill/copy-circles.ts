import { Context } from '@temporalio/activity';
import type { ParentRecord } from '../../databases/contract/backfill.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import { type Key, recordIdentity } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { entityNamed } from '../../model/migration.ts';
import type { ActivityContext } from '../context.ts';
import { pagesOf } from './copy-pages.ts';
import type { BulkRoute } from './copy-range.ts';
import type { WaitingPosition } from './copy-waiting.ts';

const pagesPerList = 50;
const keysAtOnce = 100;
/** What leans on more than so many records is left to a person. */
const mostRecords = 2_000;
/** More than a page has ever had. */
const unlimited = 1_000_000_000;

/** A record that waits, and what it waits for; null where that will never come. */
interface Waiting {
  readonly entity: Entity;
  readonly item: WriteItem;
  readonly needs: readonly string[] | null;
}

/** Copies records that wait for one another in a circle, with all that they lean on, in one transaction. */
export function createCircleCopier({ migration, stores }: ActivityContext) {
  async function copyCircles(
    entity: Entity,
    { after, sliceMs }: { readonly after: WaitingPosition | null; readonly sliceMs: number },
    route: BulkRoute,
  ): Promise<{ arrived: number; after: WaitingPosition | null }> {
    const source = stores[route.primary];
    const target = stores[route.secondary];
    const until = Date.now() + sliceMs;
    let position = after;
    let arrived = 0;
    for (;;) {
      const list = { backwards: false, after: position, limit: pagesPerList };
      const found = await target.waitingPages(migration.name, entity.name, list);
      for (const { lower, upper, range, page } of found) {
        const keys = await source.keys(entity, { after: lower, upTo: upper, limit: unlimited });
        const waiting = await target.missingKeys(entity, keys);
        for (let at = 0; at < waiting.length; at += keysAtOnce)
          arrived += await copyCircle(entity, waiting.slice(at, at + keysAtOnce), route);
        position = { range, page };
        Context.current().heartbeat({ arrived });
        if (Date.now() >= until || Context.current().cancellationSignal.aborted)
          return { arrived, after: position };
      }
      if (found.length < pagesPerList) return { arrived, after: null };
    }
  }

  /** By halves, where the target refuses one of them for another reason. */
  async function copyCircle(entity: Entity, keys: readonly Key[], route: BulkRoute): Promise<number> {
    const records = complete(await waitingFor(entity, keys, route));
    if (records.length === 0) return 0;
    const groups = [...Map.groupBy(records, (one) => one.entity)].map(([of, own]) => ({
      entity: of,
      items: own.map(({ item }) => item),
    }));
    const fence = { migration: migration.name, epoch: route.epoch };
    const copied = await stores[route.secondary].copyTogether(groups, fence);
    if (copied !== null || keys.length === 1) return copied ?? 0;
    const middle = Math.ceil(keys.length / 2);
    const first = await copyCircle(entity, keys.slice(0, middle), route);
    return first + (await copyCircle(entity, keys.slice(middle), route));
  }

  /** Some records as the source has them, with those that they lean on and the target lacks. */
  async function waitingFor(
    entity: Entity,
    keys: readonly Key[],
    route: BulkRoute,
  ): Promise<Map<string, Waiting>> {
    const found = new Map<string, Waiting>();
    const asked = new Set<string>();
    let open: ParentRecord[] = keys.map((key) => ({ entity: entity.name, key }));
    while (open.length > 0 && asked.size < mostRecords) {
      const next = new Map<string, ParentRecord>();
      for (const record of open) asked.add(identityOf(record));
      for (const [name, own] of Map.groupBy(open, (record) => record.entity)) {
        const of = entityNamed(migration, name);
        const pages = await pagesOf({ stores }, of, stores[route.primary], stores[route.secondary], route);
        const { items } = await pages.leftover(own.map(({ key }) => key));
        const there = items.filter(({ image }) => image !== null);
        const parents = await stores[route.secondary].missingParents(of, there);
        for (const [index, item] of there.entries()) {
          const needs = parents[index] ?? null;
          found.set(recordIdentity(name, item.key), {
            entity: of,
            item,
            needs: needs?.map(identityOf) ?? null,
          });
          for (const need of needs ?? []) next.set(identityOf(need), need);
        }
      }
      open = [...next].filter(([identity]) => !asked.has(identity)).map(([, record]) => record);
    }
    return found;
  }

  return { copyCircles };
}

/** Those of some records that lack nothing that is not among them. */
function complete(records: Map<string, Waiting>): Waiting[] {
  const left = new Map(records);
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [identity, { needs }] of left)
      if (needs === null || needs.some((need) => !left.has(need))) left.delete(identity);
  }
  return [...left.values()];
}

function identityOf({ entity, key }: ParentRecord): string {
  return recordIdentity(entity, key);
}
