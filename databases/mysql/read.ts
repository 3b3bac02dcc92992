import type { BoundEntity, BoundTable } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { quote, quoteTable } from './quote.ts';
import { keyList, ownedRows } from './read-routine.ts';

/** The statements that read an entity of one table, prepared once for its binding. */
export interface ReadStatements {
  /** The rows of one key. */
  readonly one: string;
  /** The parameters of `one`: the position of the part of the key that each stands for. */
  readonly parts: readonly number[];
  /** The rows of a list of keys, given as JSON: first the position of the key, then the columns. */
  readonly many: string;
}

const known = new WeakMap<BoundEntity, ReadStatements>();

export function readStatements(bound: BoundEntity): ReadStatements {
  const made = known.get(bound) ?? {
    one: oneSql(bound),
    parts: bound.root.key.flatMap((column, index) => (column.bytes ? [index, index] : [index])),
    many: manySql(bound),
  };
  known.set(bound, made);
  return made;
}

function oneSql({ root }: BoundEntity): string {
  const key = root.key.map((column) => equals(column, `t.${quote(column.name)}`, '?'));
  const order = root.single ? '' : ` ORDER BY ${orderOf(root)}`;
  return `SELECT ${cellsOf(root)} FROM ${quoteTable(root.name)} t WHERE ${key.join(' AND ')}${order}`;
}

function manySql(bound: BoundEntity): string {
  const { root } = bound;
  const order = root.single ? '' : ` ORDER BY ${orderOf(root)}`;
  return `SELECT k.at, ${cellsOf(root)} FROM ${keyList(bound, '?')} ${ownedRows(root, 't')}${order}`;
}

/** Under names of our own: the driver refuses some that a column may have. */
function cellsOf({ columns }: BoundTable): string {
  return columns.map((column, index) => `${column.read(`t.${quote(column.name)}`)} AS c${index}`).join(', ');
}

function orderOf({ identity }: BoundTable): string {
  return identity.map((column) => `t.${quote(column.name)}`).join(', ');
}
