import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import type { Digestible, Digests, KeyRange, RangeDigest } from '../contract/comparison.ts';
import { maxAggregateBytes } from '../engine/text-limits.ts';
import type { StoreContext } from '../sql/context.ts';
import { keyAt } from '../sql/keys.ts';
import { keysetOf } from '../sql/keyset.ts';
import { digestEach, type LineList } from './range-digests.ts';
import { type RowText, rowText } from './row-text.ts';

export function createDigests(context: StoreContext): Digests {
  const { dialect } = context.engine;

  async function digestible(entity: Entity): Promise<Digestible | null> {
    const bound = await context.bind(entity);
    const row = rowText(dialect, bound);
    const order = bound.root.key.flatMap((column) => orderOf(column) ?? []);
    if (!row || order.length < bound.root.key.length) return null;
    return { order, maxRows: Math.max(1, Math.floor(maxAggregateBytes / row.bytes)) };
  }

  async function holdsKey(entity: Entity, key: Key): Promise<boolean> {
    return keyFault(await context.bind(entity), key) === null;
  }

  async function steps(entity: Entity, within: KeyRange, rows: number, count: number): Promise<Key[]> {
    const bound = await context.bind(entity);
    const [lower] = within.lower ?? [];
    if (lower !== undefined && count > 1 && isWholeNumber(bound)) {
      const [far] = (await keyAt(context, bound, within, rows * count)) ?? [];
      if (far !== undefined) return evenly(BigInt(lower), BigInt(far), count);
    }
    const found: Key[] = [];
    while (found.length < count) {
      const key = await keyAt(context, bound, { ...within, lower: found.at(-1) ?? within.lower }, rows);
      if (!key) break;
      found.push(key);
    }
    return found;
  }

  async function digests(entity: Entity, ranges: readonly KeyRange[]): Promise<RangeDigest[]> {
    const bound = await context.bind(entity);
    const row = hashable(bound);
    const keyset = keysetOf(dialect, bound);
    const lists = ranges.map((range): LineList => {
      const { sql, values } = keyset.within(range);
      // Rows that come in another order than their key's would only look unequal, and then be compared one by one.
      const from = `FROM ${dialect.table(bound.root.name)} t WHERE ${sql} ORDER BY ${keyset.order}`;
      return { sql: `SELECT ${row.sql} AS line ${from}`, values };
    });
    return await digestEach(context, lists);
  }

  async function rowDigests(entity: Entity, range: KeyRange): Promise<{ key: Key; digest: string }[]> {
    const bound = await context.bind(entity);
    const keyset = keysetOf(dialect, bound);
    const { sql, values } = keyset.within(range);
    const rows = await context.query(
      `SELECT ${keyset.cells}, ${dialect.sha256(hashable(bound).sql)} AS digest
       FROM ${dialect.table(bound.root.name)} t WHERE ${sql}`,
      values,
    );
    return rows.map((row) => ({ key: keyset.keyOf(row), digest: row.digest ?? '' }));
  }

  function hashable(bound: BoundEntity): RowText {
    const row = rowText(dialect, bound);
    if (row) return row;
    throw new TypeError(`the rows of ${bound.entity.name} have no text in SQL; they are compared by reading`);
  }

  return { digestible, holdsKey, steps, digests, rowDigests };
}

function isWholeNumber({ root }: BoundEntity): boolean {
  const [only, ...others] = root.key;
  return others.length === 0 && (only?.scalar.kind === 'integer' || only?.scalar.kind === 'bigint');
}

function evenly(lower: bigint, upper: bigint, count: number): Key[] {
  return Array.from({ length: count }, (_, at) => [
    (lower + ((upper - lower) * BigInt(at + 1)) / BigInt(count)).toString(),
  ]);
}

/** The texts of UUIDs sort alike under any collation; other texts only where bytes decide. */
function orderOf({ scalar, natural, sortsByBytes }: BoundColumn): 'value' | 'bytes' | null {
  if (scalar.kind === 'uuid' && natural?.kind === 'text') return 'bytes';
  if (scalar.kind === 'uuid' || scalar.kind === 'text') return sortsByBytes ? 'bytes' : null;
  return 'value';
}
