import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import type { Dialect } from '../engine/engine.ts';

/** Longer values go into the text of their row as a hash. */
const maxValueLength = 1_000;
/** Bytes of a value of a type that has an end, with its separator: generous. */
const shortBytes = 100;
const decimalBytes = 1_100;

/** A row's canonical text in SQL, the same at every engine where the rows are equal, and different where they are not. */
export interface RowText {
  readonly sql: string;
  /** No row's text is longer. */
  readonly bytes: number;
}

/**
 * All columns of a column map, its key among them, in the order of the fields: first those whose values hold no bar, with the lengths
 * of the others, then these others, so that no two rows have one text. MySQL and MariaDB keep a buffer from number to number, and lose
 * it at each text. Null where a column has no canonical text in SQL.
 */
export function rowText(dialect: Dialect, bound: BoundEntity): RowText | null {
  if (bound.entity.shapes[bound.store].form !== 'columns') return null;
  const head: string[] = [];
  const free: string[] = [];
  let bytes = 0;
  for (const column of bound.root.columns) {
    const { scalar } = column;
    const reference = `t.${dialect.column(column.name)}`;
    const value = column.compact(reference, scalar) ?? column.canonical(reference, scalar);
    if (value === null) return null;
    // What a special value stands for may be null, also where the column has none.
    const mayBeNull = column.nullable || column.specialValues.length > 0;
    const present = (part: string, otherwise: string) =>
      mayBeNull ? `COALESCE(${part}, ${otherwise})` : part;
    if (isFree(column)) {
      head.push(present(dialect.byteLength(value), '-1'));
      free.push(present(shortened(dialect, column, value), "''"));
    } else head.push(mayBeNull ? `COALESCE(${dialect.asText(value)}, '~')` : value);
    bytes += bytesOf(column);
  }
  return { sql: dialect.concatBar([...head, ...free]), bytes };
}

/** Decided by the field, not by the column: both stores must write it in the same way. */
function isFree({ scalar }: BoundColumn): boolean {
  if (scalar.kind === 'decimal') return scalar.scale === null;
  return ['text', 'uuid', 'bytes', 'bits'].includes(scalar.kind);
}

function bytesOf(column: BoundColumn): number {
  if (isFree(column)) return shortBytes + Math.min(maxValueLength, bytesIn(column));
  return column.scalar.kind === 'decimal' ? decimalBytes : shortBytes;
}

/** The most that the column itself lets in. */
function bytesIn({ limits }: Pick<BoundColumn, 'limits'>): number {
  return (limits.characters ?? Number.POSITIVE_INFINITY) * 4;
}

function shortened(dialect: Dialect, { limits }: BoundColumn, value: string): string {
  if (bytesIn({ limits }) <= maxValueLength) return value;
  return `CASE WHEN ${dialect.byteLength(value)} > ${maxValueLength} THEN ${dialect.sha256(value)} ELSE ${value} END`;
}
