import type { Store } from '../../databases/contract/store.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { otherStore } from '../../model/phase.ts';
import { mapConcurrently } from '../concurrency.ts';
import type { ActivityContext } from '../context.ts';
import { partBytes } from '../fitting-parts.ts';
import { createDifferenceClassifier } from './classify-difference.ts';
import { type DigestSource, type ScanSlice, scanDigests } from './scan-digests.ts';

/**
 * Where a full comparison stands. Rows that both stores can hash are compared by digests; others are read: all of the
 * primary's, then those keys of the secondary that the primary does not have, then the primary's rows that no record holds. The records come last, for versions and tombstones.
 */
export interface Position {
  readonly stage: 'rows' | 'records' | 'extra' | 'orphans';
  /** The text of the last key that was looked at, or the store's own where it looks for rows that no record holds. */
  readonly after: string | null;
}

/** Fewer would cost PostgreSQL more for the plans than for the rows; of more, a single difference would have too many looked at one by one. */
const rowsPerDigest = 2_000;
const keysPerPage = 500;
const pageConcurrency = 4;

/** Finds keys that look unequal; whether they are unequal is confirmed by reading them again. */
export function createKeyScanner(context: Pick<ActivityContext, 'stores'>) {
  const { stores } = context;
  const { compareKeys } = createDifferenceClassifier(context);

  /** The stage after this one, null at the end. */
  async function stageAfter(
    entity: Entity,
    stage: Position['stage'],
    route: WriteRoute,
  ): Promise<Position['stage'] | null> {
    if (stage === 'records') return null;
    if (stage === 'extra') return 'orphans';
    if (stage === 'orphans') return 'records';
    return (await maxRowsOf(entity, route)) === null ? 'extra' : 'records';
  }

  async function scan(
    entity: Entity,
    { stage, after }: Position,
    route: WriteRoute,
    shouldStop: (suspects: number) => boolean,
  ): Promise<ScanSlice<string>> {
    const primary = stores[route.primary];
    const secondary = stores[otherStore(route.primary)];
    if (stage === 'records') {
      const records = [hashedRecords(primary, entity), hashedRecords(secondary, entity)] as const;
      const scanned = await scanDigests(...records, after, shouldStop);
      // Their rows have been counted.
      return { ...scanned, compared: 0 };
    }
    if (stage === 'orphans') return await scanOrphans(primary, entity, after, shouldStop);
    const from = after === null ? null : keyFromText(after);
    if (stage === 'extra') {
      return await scanPages(secondary, 'keys', entity, from, shouldStop, async (keys) => {
        const suspects = await primary.missingKeys(entity, keys);
        return { suspects, compared: suspects.length };
      });
    }
    const maxRows = await maxRowsOf(entity, route);
    if (maxRows === null) {
      return await scanPages(primary, 'rows', entity, from, shouldStop, async (keys) => {
        const suspects = await unequal(entity, keys, route);
        return { suspects, compared: keys.length };
      });
    }
    const hashed = [hashedRows(primary, entity, maxRows), hashedRows(secondary, entity, maxRows)] as const;
    const { next, ...scanned } = await scanDigests(...hashed, from, shouldStop);
    return { ...scanned, next: next === null ? null : keyText(next) };
  }

  /** The most rows of a digest; null where the rows cannot be hashed in both stores, or their keys sort differently. */
  async function maxRowsOf(entity: Entity, route: WriteRoute): Promise<number | null> {
    const [left, right] = await Promise.all([
      stores[route.primary].digestible(entity),
      stores[otherStore(route.primary)].digestible(entity),
    ]);
    if (!left || !right || left.order.some((order, at) => order !== right.order[at])) return null;
    return Math.min(left.maxRows, right.maxRows);
  }

  async function unequal(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<Key[]> {
    const findings = await compareKeys(entity, keys, route);
    return findings.filter(({ verdict }) => verdict !== null).map(({ key }) => key);
  }

  /** @param reads what the comparison of a page has in memory: rows that are larger than a page have it alone */
  async function scanPages(
    store: Store,
    reads: 'keys' | 'rows',
    entity: Entity,
    from: Key | null,
    shouldStop: (suspects: number) => boolean,
    compare: (keys: readonly Key[]) => Promise<{ suspects: readonly Key[]; compared: number }>,
  ): Promise<ScanSlice<string>> {
    const suspects: string[] = [];
    let compared = 0;
    let after = from;
    let ended = false;
    await mapConcurrently(
      pageConcurrency,
      async () => {
        if (ended || (after !== from && shouldStop(suspects.length))) return null;
        const all = await store.keys(entity, { after, upTo: null, limit: keysPerPage });
        const page =
          reads === 'rows'
            ? await store.fittingKeys(entity, all, { after, maxBytes: partBytes })
            : { keys: all, bytes: 0 };
        ended = all.length < keysPerPage && page.keys.length === all.length;
        after = page.keys.at(-1) ?? after;
        return page.keys.length > 0 ? page : null;
      },
      async ({ keys }) => {
        const found = await compare(keys);
        suspects.push(...found.suspects.map(keyText));
        compared += found.compared;
      },
      ({ bytes }) => bytes > partBytes,
    );
    return { compared, suspects, done: ended, next: after === null ? null : keyText(after) };
  }

  async function scanOrphans(
    store: Store,
    entity: Entity,
    from: string | null,
    shouldStop: (suspects: number) => boolean,
  ): Promise<ScanSlice<string>> {
    const suspects: string[] = [];
    let next = from;
    do {
      const page = await store.orphanKeys(entity, next, keysPerPage);
      suspects.push(...page.keys.map(keyText));
      ({ next } = page);
    } while (next !== null && !shouldStop(suspects.length));
    return { compared: suspects.length, suspects, done: next === null, next };
  }

  return { scan, stageAfter };
}

function hashedRows(store: Store, entity: Entity, maxRows: number): DigestSource<Key> {
  return {
    maxRows,
    steps: (within, count) => store.steps(entity, within, Math.min(rowsPerDigest, maxRows), count),
    holds: (key) => store.holdsKey(entity, key),
    digests: (ranges) => store.digests(entity, ranges),
    async hashes(range) {
      const found = await store.rowDigests(entity, range);
      return found.map(({ key, digest }) => ({ key: keyText(key), digest }));
    },
  };
}

function hashedRecords(store: Store, entity: Entity): DigestSource<string> {
  return {
    maxRows: rowsPerDigest,
    steps: (within, count) => store.recordSteps(entity.name, within, rowsPerDigest, count),
    holds: async () => true,
    digests: (ranges) => store.recordDigests(entity.name, ranges),
    hashes: (range) => store.recordHashes(entity.name, range),
  };
}
