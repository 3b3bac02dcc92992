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
import { createPause, isCancelled, msForRate } from './pause.ts';
import type { Throttle } from './throttle.ts';

const pagesPerList = 50;
const keysAtOnce = 100;
/** What leans on more than so many records, or on more than so many bytes, is left to a person. */
const mostRecords = 2_000;
const mostBytes = 64 * 1024 * 1024;
/** What is read at a time, where the records before it tell how large they are. */
const bytesAtOnce = 8 * 1024 * 1024;
/** More than a page has ever had. */
const unlimited = 1_000_000_000;

interface CirclesRequest {
  readonly entity: Entity;
  /** Null is unlimited. */
  readonly keysPerSecond: number | null;
  readonly after: CirclePosition | null;
  readonly sliceMs: number;
}

/** Behind a page, and behind a key of the next one. */
export interface CirclePosition {
  readonly page: WaitingPosition | null;
  readonly key: Key | null;
}

/** What a stretch has brought in. */
export interface CircleSlice {
  readonly arrived: number;
  readonly throttledMs: number;
  /** Where it goes on; null at the end. */
  readonly after: CirclePosition | null;
}

/** A record that waits, and what it waits for; null where that will never come. */
interface Waiting {
  readonly entity: Entity;
  readonly item: WriteItem;
  readonly needs: readonly string[] | null;
}

/** Copies records that wait for one another in a circle, with all that they lean on, in one transaction. */
export function createCircleCopier(context: ActivityContext, throttle: Throttle) {
  const { migration, stores } = context;
  const pause = createPause(context);

  async function copyCircles(
    { entity, keysPerSecond, after, sliceMs }: CirclesRequest,
    route: BulkRoute,
  ): Promise<CircleSlice> {
    const source = stores[route.primary];
    const target = stores[route.secondary];
    const until = Date.now() + sliceMs;
    const isOver = () => Date.now() >= until || isCancelled();
    let { page: position, key: behind } = after ?? { page: null, key: null };
    let arrived = 0;
    let throttledMs = 0;
    for (;;) {
      const list = { backwards: false, after: position, limit: pagesPerList };
      const found = await target.waitingPages(migration.name, entity.name, list);
      if (found.length === 0) return { arrived, throttledMs, after: null };
      for (const { lower, upper, range, page } of found) {
        const keys = await source.keys(entity, { after: behind ?? lower, upTo: upper, limit: unlimited });
        const waiting = await target.missingKeys(entity, keys);
        for (let at = 0; at < waiting.length; at += keysAtOnce) {
          if (isOver()) return { arrived, throttledMs, after: { page: position, key: behind } };
          const began = Date.now();
          const some = waiting.slice(at, at + keysAtOnce);
          const { result, pausedMs } = await throttle.run(() => copyCircle(entity, some, route), pause);
          arrived += result.arrived;
          throttledMs += pausedMs;
          behind = some.at(-1) ?? behind;
          Context.current().heartbeat({ arrived });
          await pause(msForRate(result.read, keysPerSecond, Date.now() - began));
        }
        position = { range, page };
        behind = null;
        if (isOver()) return { arrived, throttledMs, after: { page: position, key: null } };
      }
    }
  }

  /** By halves, where they are too large together, or the target refuses one of them for another reason. */
  async function copyCircle(
    entity: Entity,
    keys: readonly Key[],
    route: BulkRoute,
  ): Promise<{ arrived: number; read: number }> {
    const found = await waitingFor(entity, keys, route);
    const records = found.isWhole ? complete(found.records) : [];
    const read = found.records.size;
    if (found.isWhole && records.length === 0) return { arrived: 0, read };
    const copied = records.length > 0 ? await copyTogether(records, route) : null;
    if (copied !== null || keys.length === 1) return { arrived: copied ?? 0, read };
    const middle = Math.ceil(keys.length / 2);
    const first = await copyCircle(entity, keys.slice(0, middle), route);
    const second = await copyCircle(entity, keys.slice(middle), route);
    return { arrived: first.arrived + second.arrived, read: read + first.read + second.read };
  }

  /** Null where the target refuses one of them. */
  async function copyTogether(records: readonly Waiting[], route: BulkRoute): Promise<number | null> {
    const groups = [...Map.groupBy(records, (one) => one.entity)].map(([of, own]) => ({
      entity: of,
      items: own.map(({ item }) => item),
    }));
    const fence = { migration: migration.name, epoch: route.epoch };
    return await stores[route.secondary].copyTogether(groups, fence);
  }

  /** Some records as the source has them, with those that they lean on and the target lacks; not whole where they are too large. */
  async function waitingFor(
    entity: Entity,
    keys: readonly Key[],
    route: BulkRoute,
  ): Promise<{ records: Map<string, Waiting>; isWhole: boolean }> {
    const records = new Map<string, Waiting>();
    const asked = new Set<string>();
    let bytes = 0;
    let open: ParentRecord[] = keys.map((key) => ({ entity: entity.name, key }));
    while (open.length > 0 && asked.size < mostRecords) {
      const next = new Map<string, ParentRecord>();
      for (const [name, own] of Map.groupBy(open, (record) => record.entity)) {
        const of = entityNamed(migration, name);
        const pages = await pagesOf(context, of, stores[route.primary], stores[route.secondary], route);
        for (let at = 0; at < own.length; ) {
          const known = Math.max(1, Math.floor((bytesAtOnce * records.size) / Math.max(1, bytes)));
          const some = own.slice(at, at + Math.min(keysAtOnce, known));
          at += some.length;
          for (const record of some) asked.add(identityOf(record));
          const { items } = await pages.leftover(some.map(({ key }) => key));
          const there = items.filter(({ image }) => image !== null);
          const parents = await stores[route.secondary].missingParents(of, there);
          for (const [index, item] of there.entries()) {
            const needs = parents[index] ?? null;
            const record = { entity: of, item, needs: needs?.map(identityOf) ?? null };
            records.set(recordIdentity(name, item.key), record);
            bytes += JSON.stringify(item.image).length;
            for (const need of needs ?? []) next.set(identityOf(need), need);
          }
          if (bytes > mostBytes) return { records, isWhole: false };
        }
      }
      open = [...next].filter(([identity]) => !asked.has(identity)).map(([, record]) => record);
    }
    return { records, isWhole: true };
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
