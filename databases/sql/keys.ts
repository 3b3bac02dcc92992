import { type Key, keyFromText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { PageRange } from '../contract/backfill.ts';
import type { KeyRange } from '../contract/comparison.ts';
import type { Dialect } from '../engine/engine.ts';
import type { StoreContext } from './context.ts';
import { keysetOf } from './keyset.ts';

/** Smaller tables are counted. */
const minEstimate = 100_000;

/** Which keys there are: pages, ranges, counts. */
export function createKeys(context: StoreContext) {
  const { dialect } = context.engine;

  async function keys(entity: Entity, { after, upTo, limit }: PageRange): Promise<Key[]> {
    const bound = await context.bind(entity);
    const { root } = bound;
    const keyset = keysetOf(dialect, bound);
    const { sql: where, values } = keyset.within({ lower: after, upper: upTo });
    const rest = `WHERE ${where} ORDER BY ${keyset.order} LIMIT ${Math.floor(limit)}`;
    if (root.single) {
      const rows = await context.query(
        `SELECT ${keyset.cells} FROM ${dialect.table(root.name)} t ${rest}`,
        values,
      );
      return rows.map(keyset.keyOf);
    }
    const page = `${distinctKeys(dialect, bound)} ${rest}`;
    const rows = await context.query(
      root.key.every((column) => column.bytes === null)
        ? `SELECT ${keyCells(bound)} FROM (${page}) k ORDER BY ${placesOf(bound).join(', ')}`
        : spelledOut(bound, page),
      values,
    );
    return rows.map(keyset.keyOf);
  }

  /**
   * Keys that the column's collation takes for one are several keys to us. They come in the same page, which may grow
   * beyond its limit for that, so that the next one can begin behind all of them.
   */
  function spelledOut(bound: BoundEntity, page: string): string {
    const parts = bound.root.key.map((part, index) => {
      const reference = `t.${dialect.column(part.name)}`;
      return {
        name: `k${index + 1}`,
        text: part.read(reference),
        group: part.bytes?.(reference) ?? reference,
        reference,
      };
    });
    const order = [...parts.map(({ name }) => `k.${name}`), ...parts.map(({ group }) => group)].join(', ');
    return `SELECT ${parts.map((part) => `MIN(${part.text}) AS ${part.name}`).join(', ')}
       FROM (${page}) k JOIN ${dialect.table(bound.root.name)} t ON ${parts.map(({ name, reference }) => `${reference} = k.${name}`).join(' AND ')}
       GROUP BY ${order} ORDER BY ${order}`;
  }

  /** Keys, or about as many: a count of a large table would take as long as copying some of it. */
  async function estimateKeys(entity: Entity): Promise<number> {
    const bound = await context.bind(entity);
    const estimate = bound.root.single ? await estimatedRows(context, bound) : null;
    return estimate ?? (await countKeys(entity));
  }

  async function countKeys(entity: Entity): Promise<number> {
    const bound = await context.bind(entity);
    const [row] = await context.query(`SELECT count(*) AS total FROM (${spelledKeys(dialect, bound)}) k`);
    return Number(row?.total ?? 0);
  }

  async function recorded(entity: Entity, page: { after: string | null; limit: number }) {
    const rows = await context.query(
      `SELECT record_key FROM ${context.control('records')} WHERE entity = ? AND version > 0 AND record_key > ?
       ORDER BY record_key LIMIT ${Math.floor(page.limit)}`,
      [entity.name, page.after ?? ''],
    );
    const texts = rows.map((row) => row.record_key ?? '');
    return { keys: texts.map(keyFromText), last: texts.at(-1) ?? null };
  }

  return { keys, countKeys, estimateKeys, recorded };
}

/** Null where the table is small enough to be counted, or where the database does not know. */
export async function estimatedRows(context: StoreContext, { root }: BoundEntity): Promise<number | null> {
  const estimate = await context.translateErrors(() => context.engine.bulk.estimateRows(root.name));
  return estimate !== null && estimate >= minEstimate ? estimate : null;
}

/**
 * The key of the row that is `place` rows into a range; null where the range is shorter. It passes over that many entries of
 * the index from the beginning of the range, so that steps over a whole table read each entry once.
 */
export async function keyAt(
  context: StoreContext,
  bound: BoundEntity,
  range: KeyRange,
  place: number,
): Promise<Key | null> {
  const { dialect } = context.engine;
  const keyset = keysetOf(dialect, bound);
  const { sql, values } = keyset.within(range);
  const [row] = await context.query(
    `SELECT ${keyset.cells} FROM ${dialect.table(bound.root.name)} t WHERE ${sql}
     ORDER BY ${keyset.order} LIMIT 1 OFFSET ${Math.max(0, Math.floor(place) - 1)}`,
    values,
  );
  return row ? keyset.keyOf(row) : null;
}

function distinctKeys(dialect: Dialect, bound: BoundEntity): string {
  const { root } = bound;
  const cells = root.key.map((column, index) => `t.${dialect.column(column.name)} AS k${index + 1}`);
  return `SELECT ${root.single ? '' : 'DISTINCT '}${cells.join(', ')} FROM ${dialect.table(root.name)} t`;
}

/** Distinct by their bytes. */
export function spelledKeys(dialect: Dialect, bound: BoundEntity): string {
  const { root } = bound;
  if (root.single) return distinctKeys(dialect, bound);
  const cells = root.key.flatMap((column, index) => {
    const reference = `t.${dialect.column(column.name)}`;
    return [
      `${reference} AS k${index + 1}`,
      ...(column.bytes ? [`${column.bytes(reference)} AS b${index + 1}`] : []),
    ];
  });
  return `SELECT DISTINCT ${cells.join(', ')} FROM ${dialect.table(root.name)} t`;
}

function placesOf(bound: BoundEntity): string[] {
  return bound.root.key.map((_, index) => `k.k${index + 1}`);
}

/** The texts of the parts of a key, from a query that gives them as they are. */
function keyCells(bound: BoundEntity): string {
  return bound.root.key
    .map((column, index) => `${column.read(`k.k${index + 1}`)} AS k${index + 1}`)
    .join(', ');
}
