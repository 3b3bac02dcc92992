import { digitsOf, type Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn } from '../columns/catalogue.ts';
import { isCompact } from '../columns/column.ts';
import { substituteSql } from '../columns/substitute-sql.ts';
import { text as literal } from './quote.ts';

/** What of a column decides how its values are written. */
export interface Described {
  readonly base: string;
  readonly natural: Scalar | null;
  readonly specialValues: CatalogueColumn['specialValues'];
  readonly read: CatalogueColumn['read'];
  /** Whether the database keeps text as UTF-8. */
  readonly unicode: boolean;
}

/** SQL for the canonical text of a value; null where only the worker can give it. See `CatalogueColumn.canonical`. */
export function canonicalSql(column: Described, value: string, scalar: Scalar): string | null {
  const plain = plainSql(column, value, scalar);
  const own = column.read(value);
  return plain === null ? null : substituteSql(column.specialValues, scalar, { own, plain, literal });
}

/** See `CatalogueColumn.compact`. Numbers become the same text without a cast. */
export function compactSql({ base, natural }: Described, value: string, scalar: Scalar): string | null {
  const isWhole = natural?.kind === 'integer' || natural?.kind === 'bigint';
  if (scalar.kind === 'boolean') {
    if (isWhole) return value;
    if (natural?.kind === 'boolean') return `${value}::integer`;
    return `CASE ${value} WHEN 1 THEN '1' WHEN 0 THEN '0' ELSE ${value}::text END`;
  }
  if (isWhole && (scalar.kind === 'integer' || scalar.kind === 'bigint')) return value;
  if (natural?.kind === 'decimal' && scalar.kind === 'decimal' && base !== 'money') {
    const isSame = scalar.scale !== null && scalar.scale === natural.scale;
    return isSame && scalar.substitutes === undefined ? value : null;
  }
  if (!isCompact(scalar)) return null;
  return base === 'timestamp with time zone' ? `(${value} AT TIME ZONE 'UTC')::text` : `${value}::text`;
}

function plainSql(column: Described, value: string, scalar: Scalar): string | null {
  const { natural } = column;
  switch (scalar.kind) {
    case 'boolean':
      if (natural?.kind === 'boolean') return `${value}::text`;
      return `CASE ${value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE ${value}::text END`;
    case 'decimal': {
      if (natural?.kind === 'decimal' && column.base === 'money') return `${value}::numeric::text`;
      if (scalar.scale === null) return `pg_catalog.trim_scale(${value})::text`;
      if (natural?.kind !== 'decimal' || natural.scale === scalar.scale) return `${value}::text`;
      const fitting = `pg_catalog.trunc(${value}, ${scalar.scale})`;
      return `CASE WHEN ${fitting} = ${value} THEN ${fitting} ELSE ${value} END::text`;
    }
    case 'time':
      return exactly(value, natural, scalar, 'time', (digits) => written(value, 'HH24:MI:SS', digits, ''));
    case 'timestamp': {
      const moment = column.base === 'timestamp with time zone' ? `(${value} AT TIME ZONE 'UTC')` : value;
      const text = exactly(moment, natural, scalar, 'timestamp', (digits) =>
        written(moment, 'YYYY-MM-DD"T"HH24:MI:SS', digits, '"Z"'),
      );
      // The pattern has no era: years before ours would look like those of ours; infinity would look like null.
      return `CASE WHEN pg_catalog.isfinite(${moment}) AND ${moment} >= '0001-01-01' THEN ${text} ELSE ${moment}::text END`;
    }
    case 'uuid':
      if (natural?.kind === 'bytes') return null;
      if (natural?.kind !== 'text') return `${value}::text`;
      return column.unicode ? `pg_catalog.lower(${value}::text COLLATE "C")` : null;
    case 'bytes':
      return `pg_catalog.encode(${value}, 'hex')`;
    case 'text':
      if (natural?.kind === 'bytes') return null;
      return column.unicode ? column.read(value) : null;
    case 'float':
    case 'json':
    case 'duration':
    case 'set':
      return null;
    default:
      return `${value}::text`;
  }
}

/** A value that has more digits than the field keeps is written with all of them, so that it equals none of the field's. */
function exactly(
  value: string,
  natural: Scalar | null,
  scalar: { readonly precision: number | null },
  type: string,
  write: (digits: number) => string,
): string {
  const digits = digitsOf(scalar);
  const kept = (natural !== null && 'precision' in natural ? natural.precision : null) ?? 6;
  if (kept <= digits) return write(digits);
  return `CASE WHEN ${value}::${type}(${digits}) = ${value} THEN ${write(digits)} ELSE ${write(6)} END`;
}

/** `to_char` knows milliseconds and microseconds only. */
function written(value: string, pattern: string, digits: number, end: string): string {
  if (digits === 0) return `pg_catalog.to_char(${value}, '${pattern}${end}')`;
  if (digits === 6) return `pg_catalog.to_char(${value}, '${pattern}.US${end}')`;
  const surplus = 6 - digits;
  return `pg_catalog.left(pg_catalog.to_char(${value}, '${pattern}.US'), -${surplus})${end === '' ? '' : ` || '${end.replaceAll('"', '')}'`}`;
}
