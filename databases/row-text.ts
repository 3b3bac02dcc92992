import type { BoundColumn, BoundEntity } from './binding.ts';
import type { Dialect } from './engine.ts';

/** Longer values go into the text of their row as a hash. */
const longestValue = 1_000;
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
 * All columns of a column map, its key among them, in the order of the fields. A value that may hold any character is told
 * with its length, so that no two rows have one text. Null where a column has no canonical text in SQL.
 */
export function rowText(text: Dialect, bound: BoundEntity): RowText | null {
  if (bound.entity.shapes[bound.store].form !== 'columns') return null;
  const values: string[] = [];
  let bytes = 0;
  for (const column of bound.root.columns) {
    const reference = `t.${text.column(column.name)}`;
    const canonical = column.compact(reference, column.scalar) ?? column.canonical(reference, column.scalar);
    if (canonical === null) return null;
    const parts = isFree(column) ? measured(text, column, canonical) : [canonical];
    // What a special value stands for may be null, also where the column has none.
    const mayBeNull = column.nullable || Object.keys(column.specials).length > 0;
    if (values.length > 0) values.push("'|'");
    values.push(...(mayBeNull ? [`COALESCE(${text.concat(parts)}, '~')`] : parts));
    bytes += bytesOf(column);
  }
  return { sql: text.concat(values), bytes };
}

/** Decided by the field, not by the column: both stores must write it in the same way. */
function isFree({ scalar }: BoundColumn): boolean {
  if (scalar.kind === 'decimal') return scalar.scale === null;
  return ['text', 'uuid', 'bytes', 'bits'].includes(scalar.kind);
}

function bytesOf(column: BoundColumn): number {
  if (isFree(column)) return longestValue + shortBytes;
  return column.scalar.kind === 'decimal' ? decimalBytes : shortBytes;
}

function measured(text: Dialect, column: BoundColumn, canonical: string): string[] {
  const octets = text.octets(canonical);
  const mayBeLong = !((column.limits.characters ?? Number.POSITIVE_INFINITY) * 4 <= longestValue);
  const value = mayBeLong
    ? `CASE WHEN ${octets} > ${longestValue} THEN MD5(${canonical}) ELSE ${canonical} END`
    : canonical;
  return [octets, "':'", value];
}
