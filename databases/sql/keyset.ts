import type { Key } from '../../model/canonical.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyFromCells, keyTexts, placeTexts } from '../columns/key-text.ts';
import type { KeyRange } from '../contract/comparison.ts';
import type { Dialect } from '../engine/engine.ts';
import type { Parameter, TextCells } from '../engine/session.ts';

/** SQL that holds or does not, with the values of its placeholders. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Parameter[];
}

/** One part of an order: what rows are sorted by, and SQL with one `?` for what it is compared with. */
export interface OrderedPart {
  readonly reference: string;
  readonly value: string;
}

/** How the rows of an entity's root table, under the alias `t`, are walked in the order of their keys. */
export interface Keyset {
  /** The parts of the key, for ORDER BY. */
  readonly order: string;
  /** The parts of the key as texts, named `k1`, `k2` and so on, for SELECT. */
  readonly cells: string;
  /** Holds for the rows in a range of keys; an index on the key finds its beginning at once. */
  within(range: KeyRange): Condition;
  /** Holds for the rows of these keys; a collation may give others beside. */
  among(keys: readonly Key[]): Condition;
  /** The key in a row of `cells`; see `keyFromCells`. */
  keyOf(row: TextCells): Key;
}

export function keysetOf(dialect: Dialect, bound: BoundEntity): Keyset {
  const references = bound.root.key.map(({ name }) => `t.${dialect.column(name)}`);
  const parts = bound.root.key.map(
    (column, at): OrderedPart => ({ reference: references[at] ?? '', value: column.compare('?') }),
  );
  return {
    order: references.join(', '),
    cells: bound.root.key
      .map((column, at) => `${column.read(references[at] ?? '')} AS k${at + 1}`)
      .join(', '),
    within({ lower, upper }) {
      const conditions = [
        ...(lower ? [beyond(dialect, parts, '>', placeTexts(bound, lower))] : []),
        ...(upper ? [beyond(dialect, parts, '<=', placeTexts(bound, upper))] : []),
      ];
      if (conditions.length === 0) return { sql: '1 = 1', values: [] };
      return {
        sql: conditions.map(({ sql }) => sql).join(' AND '),
        values: conditions.flatMap(({ values }) => values),
      };
    },
    among(keys) {
      const [only, ...more] = parts;
      if (!only || keys.length === 0) return { sql: '1 = 0', values: [] };
      const equal = parts.map(({ reference, value }) => `${reference} = ${value}`).join(' AND ');
      const sql =
        more.length === 0
          ? `${only.reference} IN (${keys.map(() => only.value).join(', ')})`
          : keys.map(() => `(${equal})`).join(' OR ');
      return { sql: `(${sql})`, values: keys.flatMap((key) => keyTexts(bound, key)) };
    },
    keyOf: (row) =>
      keyFromCells(
        bound,
        bound.root.key.map((_, at) => row[`k${at + 1}`] ?? null),
      ),
  };
}

/**
 * Holds for what lies beyond a position in an order of several parts. Each optimizer finds the position in an index by one
 * form only: PostgreSQL by a comparison of rows, and reads from the start for the other; MySQL and MariaDB the other way
 * round. The form `a >= x AND (a > x OR b > y)` lets both begin no nearer than at the first row with the same `a`.
 */
export function beyond(
  dialect: Dialect,
  parts: readonly OrderedPart[],
  operator: '>' | '<=',
  position: readonly Parameter[],
): Condition {
  if (position.length !== parts.length) throw new TypeError('a position has a value for each part');
  if (!dialect.comparesRows) return writtenOut(parts, operator, position);
  const left = parts.map(({ reference }) => reference).join(', ');
  const right = parts.map(({ value }) => value).join(', ');
  return { sql: `(${left}) ${operator} (${right})`, values: position };
}

/** `(a, b) > (x, y)` as `a > x OR (a = x AND b > y)`. */
function writtenOut(
  parts: readonly OrderedPart[],
  operator: '>' | '<=',
  position: readonly Parameter[],
): Condition {
  const strictly = operator === '>' ? '>' : '<';
  const alternatives = parts.map(({ reference, value }, last) => {
    const equal = parts.slice(0, last).map((part) => `${part.reference} = ${part.value}`);
    const final = last === parts.length - 1 ? operator : strictly;
    return `(${[...equal, `${reference} ${final} ${value}`].join(' AND ')})`;
  });
  return {
    sql: `(${alternatives.join(' OR ')})`,
    values: parts.flatMap((_, last) => position.slice(0, last + 1)),
  };
}
