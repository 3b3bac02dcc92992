import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import { placeTexts } from '../columns/key-text.ts';
import type { StoreContext } from './context.ts';
import { estimatedRows, keyAt } from './keys.ts';
import { keysetOf } from './keyset.ts';
import { drawnKeys } from './samples.ts';

/** With so many keys drawn, one of four parts is mostly within a fifth of its share, and one of sixteen within a third. */
const drawnForParts = 900;
const seed = 1;

/** Where an entity's keys are cut into parts. */
export function createBoundaries(context: StoreContext) {
  const { dialect } = context.engine;

  async function boundaries(entity: Entity, parts: number): Promise<Key[]> {
    if (parts < 2) return [];
    const bound = await context.bind(entity);
    return (await bySample(bound, parts)) ?? (await bySteps(bound, parts));
  }

  /**
   * Null where no sample can be drawn, or its keys not be looked up by one list: then the index is walked, which in MySQL and
   * MariaDB is the whole table.
   */
  async function bySample(bound: BoundEntity, parts: number): Promise<Key[] | null> {
    const [column, ...others] = bound.root.key;
    if (!column || others.length > 0) return null;
    const drawn = await drawnKeys(context, bound, drawnForParts, seed);
    if (drawn === null) return null;
    const keys = drawn.length === 0 ? [] : await inOrder(bound, column, drawn);
    const bounds = Array.from(
      { length: parts - 1 },
      (_, at) => keys[Math.floor(((at + 1) * keys.length) / parts)],
    );
    return distinct(bounds.filter((key) => key !== undefined));
  }

  /** The store's own order, which is that of its pages. A key that nothing can be done with has a place in it as well. */
  async function inOrder(bound: BoundEntity, column: BoundColumn, some: readonly Key[]): Promise<Key[]> {
    const { cells, order, keyOf } = keysetOf(dialect, bound);
    const list = some.map(() => column.compare('?')).join(', ');
    const rows = await context.query(
      `SELECT ${cells} FROM ${dialect.table(bound.root.name)} t WHERE ${order} IN (${list}) ORDER BY ${order}`,
      some.flatMap((key) => placeTexts(bound, key)),
    );
    return distinct(rows.map(keyOf));
  }

  /** By steps over the index. Rows are counted where a key has several: a range need not hold exactly as many as others. */
  async function bySteps(bound: BoundEntity, parts: number): Promise<Key[]> {
    const rows = (await estimatedRows(context, bound)) ?? (await countRows(bound));
    const step = Math.ceil(rows / parts);
    const bounds: Key[] = [];
    if (step === 0) return bounds;
    // An estimate that was too low would give more ranges, not longer ones; one without end is no estimate.
    while (bounds.length < parts * 4) {
      const next = await keyAt(context, bound, { lower: bounds.at(-1) ?? null, upper: null }, step);
      if (!next) break;
      bounds.push(next);
    }
    return bounds;
  }

  async function countRows({ root }: BoundEntity): Promise<number> {
    const [row] = await context.query(`SELECT count(*) AS total FROM ${dialect.table(root.name)}`);
    return Number(row?.total ?? 0);
  }

  return { boundaries };
}

/** Of keys with several rows, each once. */
function distinct(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [keyText(key), key])).values()];
}
