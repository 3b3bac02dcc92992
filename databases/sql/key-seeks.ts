import type { Key } from '../../model/canonical.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { Parameter } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { keysetOf } from './keyset.ts';

/** A key is taken so many rows behind a number drawn at random, so that the distance to one neighbour does not decide about it. */
const rowsBehind = 16;
/** Two queries each, and a server opens the table for each of them. */
const seeksPerStatement = 50;
/** UUIDs, and bytes by their first ones. */
const digits = 32;

/** Keys that were met at numbers drawn at random, each with its weight: the reciprocal of how likely it was to be met. */
export interface SoughtKey {
  readonly key: Key;
  readonly weight: number;
}

/** Finds keys at numbers drawn at random, where keys are numbers: UUIDs and bytes. */
export function createKeySeeks(context: StoreContext) {
  const { dialect } = context.engine;

  /**
   * As many keys as were drawn, or fewer. A key is met where a number lies between its row and the one `rowsBehind` before it; where rows
   * lie apart, such stretches are long, and their keys weigh less. Null where keys are no numbers, or lie in another order.
   *
   * @param fractions of the stretch from the first key to the last one
   */
  async function seek(bound: BoundEntity, fractions: readonly number[]): Promise<SoughtKey[] | null> {
    const [column, ...others] = bound.root.key;
    if (!column || others.length > 0 || !bound.root.single) return null;
    const { kind } = column.scalar;
    if (kind !== 'uuid' && kind !== 'bytes') return null;
    const [least, most] = [await end(bound, 'ASC'), await end(bound, 'DESC')];
    if (!least || !most) return null;
    const [from, to] = [numberOf(least), numberOf(most)];
    if (from === null || to === null || to <= from) return null;
    const found: SoughtKey[] = [];
    for (let at = 0; at < fractions.length; at += seeksPerStatement) {
      const numbers = fractions.slice(at, at + seeksPerStatement).map((share) => numberAt(from, to, share));
      const met = await around(
        bound,
        numbers.map((number) => keyAt(number, least)),
      );
      for (const { before, key } of met) {
        const [lower, upper] = [numberOf(before), numberOf(key)];
        if (lower === null || upper === null || upper <= lower) return null;
        found.push({ key, weight: Number(to - from) / Number(upper - lower) });
      }
    }
    return found;
  }

  async function end(bound: BoundEntity, direction: 'ASC' | 'DESC'): Promise<Key | null> {
    const { cells, order, keyOf } = keysetOf(dialect, bound);
    const [row] = await context.query(
      `SELECT ${cells} FROM ${dialect.table(bound.root.name)} t ORDER BY ${order} ${direction} LIMIT 1`,
    );
    return row ? keyOf(row) : null;
  }

  /** The last key up to each place, and the one `rowsBehind` rows further; places near the end have none. */
  async function around(bound: BoundEntity, places: readonly Key[]): Promise<{ before: Key; key: Key }[]> {
    const { cells, order, within, keyOf } = keysetOf(dialect, bound);
    const parameters: Parameter[] = [];
    const queries = places.flatMap((place, at) => {
      const [before, behind] = [within({ lower: null, upper: place }), within({ lower: place, upper: null })];
      parameters.push(...before.values, ...behind.values);
      const from = `FROM ${dialect.table(bound.root.name)} t`;
      return [
        `(SELECT ${cells}, ${2 * at} AS place ${from} WHERE ${before.sql} ORDER BY ${order} DESC LIMIT 1)`,
        `(SELECT ${cells}, ${2 * at + 1} AS place ${from} WHERE ${behind.sql} ORDER BY ${order} LIMIT 1 OFFSET ${rowsBehind - 1})`,
      ];
    });
    const rows = await context.query(queries.join(' UNION ALL '), parameters);
    const keys = new Map(rows.map((row) => [Number(row.place), keyOf(row)]));
    return places.flatMap((_, at) => {
      const [before, key] = [keys.get(2 * at), keys.get(2 * at + 1)];
      return before && key ? [{ before, key }] : [];
    });
  }

  return { seek };
}

/** Null where it is none, as a key that was written by hand. */
function numberOf([part = '']: Key): bigint | null {
  const text = part.replaceAll('-', '');
  return /^[0-9a-f]+$/.test(text) ? BigInt(`0x${text.slice(0, digits).padEnd(digits, '0')}`) : null;
}

/** A key of a number, as long as another one. */
function keyAt(number: bigint, [like = '']: Key): Key {
  const text = number.toString(16).padStart(digits, '0');
  if (!like.includes('-')) return [text.slice(0, like.length)];
  return [
    [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-'),
  ];
}

function numberAt(from: bigint, to: bigint, share: number): bigint {
  const steps = 2 ** 52;
  return from + ((to - from) * BigInt(Math.floor(share * steps))) / BigInt(steps);
}
