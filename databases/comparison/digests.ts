import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { NotCanonical } from '../../model/scalar.ts';
import { type BoundColumn, type BoundEntity, keyFromCells, keyTexts } from '../columns/mapping.ts';
import type { Digestible, Digests, KeyRange, RangeDigest } from '../contract/comparison.ts';
import { joinedBytes } from '../engine/text-limits.ts';
import type { Access } from '../sql/context.ts';
import { inRange } from '../sql/key-ranges.ts';
import { digestEach, type LineList } from './range-digests.ts';
import { type RowText, rowText } from './row-text.ts';

export function digestsIn(access: Access): Digests {
  const { text } = access.engine;

  async function digestible(entity: Entity): Promise<Digestible | null> {
    const bound = await access.bind(entity);
    const row = rowText(text, bound);
    const order = bound.root.key.flatMap((column) => orderOf(column) ?? []);
    if (!row || order.length < bound.root.key.length) return null;
    return { order, mostRows: Math.max(1, Math.floor(joinedBytes / row.bytes)) };
  }

  async function holdsKey(entity: Entity, key: Key): Promise<boolean> {
    const bound = await access.bind(entity);
    try {
      keyTexts(bound, key);
      return true;
    } catch (error) {
      if (error instanceof NotCanonical || error instanceof LockstepError) return false;
      throw error;
    }
  }

  async function steps(entity: Entity, within: KeyRange, rows: number, count: number): Promise<Key[]> {
    const bound = await access.bind(entity);
    const [lower] = within.lower ?? [];
    if (lower !== undefined && count > 1 && isWholeNumber(bound)) {
      const [far] = (await keyAt(bound, within, rows * count)) ?? [];
      if (far !== undefined) return evenly(BigInt(lower), BigInt(far), count);
    }
    const found: Key[] = [];
    while (found.length < count) {
      const key = await keyAt(bound, { ...within, lower: found.at(-1) ?? within.lower }, rows);
      if (!key) break;
      found.push(key);
    }
    return found;
  }

  async function keyAt(bound: BoundEntity, within: KeyRange, place: number): Promise<Key | null> {
    const { sql, values } = inRange(text, bound, within);
    const [row] = await access.query(
      `SELECT ${keyCells(bound)} FROM ${text.table(bound.root.name)} t WHERE ${sql}
       ORDER BY ${keyOrder(bound)} LIMIT 1 OFFSET ${Math.max(0, Math.floor(place) - 1)}`,
      values,
    );
    return row ? keyFromCells(bound, Object.values(row)) : null;
  }

  async function digests(entity: Entity, ranges: readonly KeyRange[]): Promise<RangeDigest[]> {
    const bound = await access.bind(entity);
    const row = hashable(bound);
    const lists = ranges.map((range): LineList => {
      const { sql, values } = inRange(text, bound, range);
      // Rows that come in another order than their key's would only look unequal, and then be compared one by one.
      const from = `FROM ${text.table(bound.root.name)} t WHERE ${sql} ORDER BY ${keyOrder(bound)}`;
      return { sql: `SELECT ${row.sql} AS line ${from}`, values };
    });
    return await digestEach(access, lists);
  }

  async function rowDigests(entity: Entity, range: KeyRange): Promise<{ key: Key; digest: string }[]> {
    const bound = await access.bind(entity);
    const { sql, values } = inRange(text, bound, range);
    const rows = await access.query(
      `SELECT ${keyCells(bound)}, MD5(${hashable(bound).sql}) AS digest
       FROM ${text.table(bound.root.name)} t WHERE ${sql}`,
      values,
    );
    return rows.map(({ digest, ...cells }) => ({
      key: keyFromCells(bound, Object.values(cells)),
      digest: digest ?? '',
    }));
  }

  function hashable(bound: BoundEntity): RowText {
    const row = rowText(text, bound);
    if (row) return row;
    throw new TypeError(`the rows of ${bound.entity.name} have no text in SQL; they are compared by reading`);
  }

  function keyCells(bound: BoundEntity): string {
    return bound.root.key
      .map((column, at) => `${column.read(`t.${text.column(column.name)}`)} AS k${at + 1}`)
      .join(', ');
  }

  function keyOrder(bound: BoundEntity): string {
    return bound.root.key.map((column) => `t.${text.column(column.name)}`).join(', ');
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
