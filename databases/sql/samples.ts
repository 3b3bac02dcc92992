import { createHash } from 'node:crypto';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { RowPlaces } from '../engine/bulk-engine.ts';
import type { StoreContext } from './context.ts';
import { spelledKeys } from './keys.ts';
import { keysetOf } from './keyset.ts';

/** Smaller tables are read as a whole: that is as fast, and both stores take the same keys. */
const minRows = 100_000;
/** A draw must be much cheaper than a scan to be worth it. */
const minRowsPerKey = 10;
/** So many places of a draw go into a statement: MariaDB takes longer lists for tables to be joined. */
const placesPerStatement = 999;
/** With fewer rows than one on so many places, a scan is as fast. */
const maxPlacesPerKey = 40;

/** Uniform samples of keys. */
export function createSamples(context: StoreContext) {
  const { dialect } = context.engine;

  async function sample(entity: Entity, count: number, seed: number): Promise<Key[]> {
    const bound = await context.bind(entity);
    return (await drawnKeys(context, bound, count, seed)) ?? (await scanned(bound, count, seed));
  }

  /** One scan of all keys, which keeps those with the smallest hashes. */
  async function scanned(bound: BoundEntity, count: number, seed: number): Promise<Key[]> {
    const keyset = keysetOf(dialect, bound);
    const texts = bound.root.key.map((column, index) => column.read(`k.k${index + 1}`));
    const cells = texts.map((text, index) => `${text} AS k${index + 1}`);
    const rows = await context.query(
      `SELECT ${cells.join(', ')} FROM (${spelledKeys(dialect, bound)}) k
       ORDER BY ${dialect.sha256(dialect.concatBar([...texts, `'${Math.floor(seed)}'`]))} LIMIT ${Math.floor(count)}`,
    );
    return rows.map(keyset.keyOf);
  }

  return { sample };
}

/**
 * Draws places at random, and takes the key of each that has one. Every key has exactly one place, so every key is as likely as
 * any other, however they lie. Null where places are no way to this table's keys, or too few of them have one.
 */
export async function drawnKeys(
  context: StoreContext,
  bound: BoundEntity,
  count: number,
  seed: number,
): Promise<Key[] | null> {
  const { bulk } = context.engine;
  const rows = await context.translateErrors(() => bulk.estimateRows(bound.root.name));
  if (rows === null || rows < Math.max(minRows, count * minRowsPerKey)) return null;
  const places = await context.translateErrors(() => bulk.rowPlaces(bound));
  if (places === null || places.count > BigInt(rows * maxPlacesPerKey)) return null;
  const found = new Map<string, Key>();
  const drawing = drawFrom(places, seed);
  for (let tried = 0; found.size < count; tried += placesPerStatement) {
    if (tried >= count * maxPlacesPerKey) return null;
    const at = drawing.next(placesPerStatement);
    if (at.length === 0) break;
    for (const key of await keysAt(context, bound, places, at)) found.set(keyText(key), key);
  }
  // Each statement gives its keys in an order of its own: whom to leave out is drawn, too.
  const shuffled = [...found].map(([text, key]) => ({ key, at: hashOf(`${seed} ${text}`) }));
  shuffled.sort((left, right) => (left.at < right.at ? -1 : 1));
  return shuffled.slice(0, count).map(({ key }) => key);
}

async function keysAt(
  context: StoreContext,
  bound: BoundEntity,
  places: RowPlaces,
  at: readonly bigint[],
): Promise<Key[]> {
  const { dialect } = context.engine;
  const keyset = keysetOf(dialect, bound);
  const { sql, parameters } = places.rowsAt('t', at);
  const rows = await context.query(
    `SELECT ${keyset.cells} FROM ${dialect.table(bound.root.name)} t WHERE ${sql}`,
    parameters,
  );
  return rows.map(keyset.keyOf);
}

/** Numbers below `count`, each at most once, and the same ones for the same seed. */
function drawFrom({ count }: RowPlaces, seed: number): { next(many: number): bigint[] } {
  const drawn = new Set<bigint>();
  let turn = 0;
  return {
    next(many) {
      const numbers: bigint[] = [];
      while (numbers.length < many && BigInt(drawn.size) < count) {
        const number = BigInt(`0x${hashOf(`${seed}/${turn++}`)}`) % count;
        if (drawn.has(number)) continue;
        drawn.add(number);
        numbers.push(number);
      }
      return numbers;
    },
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
