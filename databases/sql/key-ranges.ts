import { type BoundColumn, type BoundEntity, keyTexts } from '../columns/mapping.ts';
import type { KeyRange } from '../contract/comparison.ts';
import type { Dialect } from '../engine/engine.ts';

/** SQL that holds for the rows of `t` in a range of keys, so that the key's index serves. */
export function inRange(text: Dialect, bound: BoundEntity, { lower, upper }: KeyRange) {
  const conditions: string[] = [];
  const values: string[] = [];
  for (const [limit, operator] of [
    [lower, '>'],
    [upper, '<='],
  ] as const) {
    if (!limit) continue;
    const side = text.comparesRows
      ? asRows(text, bound.root.key, keyTexts(bound, limit), operator)
      : writtenOut(text, bound.root.key, keyTexts(bound, limit), operator);
    conditions.push(side.sql);
    values.push(...side.values);
  }
  return { sql: conditions.length > 0 ? conditions.join(' AND ') : '1 = 1', values };
}

function asRows(
  text: Dialect,
  key: readonly BoundColumn[],
  texts: readonly string[],
  operator: '>' | '<=',
): { sql: string; values: string[] } {
  const left = key.map((column) => `t.${text.column(column.name)}`);
  const right = key.map((column) => column.compare('?'));
  return { sql: `(${left.join(', ')}) ${operator} (${right.join(', ')})`, values: [...texts] };
}

/** `(a, b) > (x, y)` as `a > x OR (a = x AND b > y)`, for optimizers that use no index for the first. */
function writtenOut(
  text: Dialect,
  key: readonly BoundColumn[],
  texts: readonly string[],
  operator: '>' | '<=',
): { sql: string; values: string[] } {
  const values: string[] = [];
  const alternatives = key.map((_, last) => {
    const parts = key.slice(0, last + 1).map((column, at) => {
      values.push(texts[at] ?? '');
      const final = last === key.length - 1 ? operator : operator === '>' ? '>' : '<';
      return `t.${text.column(column.name)} ${at < last ? '=' : final} ${column.compare('?')}`;
    });
    return `(${parts.join(' AND ')})`;
  });
  return { sql: `(${alternatives.join(' OR ')})`, values };
}
