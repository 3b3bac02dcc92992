import { digitsOf, type Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn, ColumnLimits } from '../columns/catalogue.ts';
import { isCompact } from '../columns/column.ts';
import { substituteSql } from '../columns/substitute-sql.ts';
import { literal } from './quote.ts';
import { orTooLong } from './too-long.ts';

/** What of a column decides how its values are written. */
export interface Described {
  readonly base: string;
  readonly declared: string;
  readonly natural: Scalar | null;
  readonly digits: number;
  readonly scale: number;
  readonly fraction: number;
  readonly charset: string;
  readonly length: number;
  readonly limits: ColumnLimits;
  readonly specialValues: CatalogueColumn['specialValues'];
}

/** SQL for the canonical text of a value; null where only the worker can give it. See `CatalogueColumn.canonical`. */
export function canonicalSql(column: Described, value: string, scalar: Scalar): string | null {
  const plain = plainSql(column, value, scalar);
  const own = `CAST(${value} AS CHAR)`;
  return plain === null ? null : substituteSql(column.specialValues, scalar, { own, plain, literal });
}

/** See `CatalogueColumn.compact`. Numbers become the same text without a cast, and bytes are cut and put together faster than characters. */
export function compactSql(column: Described, value: string, scalar: Scalar): string | null {
  const { base, declared, natural, scale, fraction } = column;
  const isPlain = base !== 'year' && !/zerofill/i.test(declared);
  const isWhole = natural?.kind === 'integer' || natural?.kind === 'bigint';
  if (scalar.kind === 'boolean')
    return isPlain && (isWhole || natural?.kind === 'boolean') ? value : zeroOrOne(column, value);
  if (isCompact(scalar)) {
    const text = `CAST(${value} AS BINARY)`;
    return fraction === 0 ? text : `TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM ${text}))`;
  }
  if (!isPlain) return null;
  if (isWhole && (scalar.kind === 'integer' || scalar.kind === 'bigint')) return value;
  const isSame = natural?.kind === 'decimal' && scalar.kind === 'decimal' && scalar.scale === scale;
  return isSame && scalar.substitutes === undefined ? value : null;
}

/** A number that is neither has a text that no boolean has. */
function zeroOrOne({ natural }: Described, given: string): string {
  const value = natural?.kind === 'bits' ? `CAST(${given} AS UNSIGNED)` : given;
  return `CASE ${value} WHEN 1 THEN '1' WHEN 0 THEN '0' ELSE CAST(${value} AS CHAR) END`;
}

function plainSql(column: Described, given: string, scalar: Scalar): string | null {
  const isBits = column.natural?.kind === 'bits' && scalar.kind !== 'bits';
  const value = isBits ? `CAST(${given} AS UNSIGNED)` : given;
  switch (scalar.kind) {
    case 'boolean':
      return `CASE ${value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(${value} AS CHAR) END`;
    case 'integer':
    case 'bigint':
      return `CAST(${plain(column, value)} AS CHAR)`;
    case 'decimal':
      if (scalar.scale === null) return trimmed(column, `CAST(${plain(column, value)} AS CHAR)`);
      return exactly(
        value,
        column.natural?.kind !== 'decimal' || column.scale === scalar.scale
          ? null
          : `DECIMAL(${column.digits - column.scale + scalar.scale}, ${scalar.scale})`,
        (fitting) => `CAST(${plain(column, fitting)} AS CHAR)`,
      );
    case 'date':
      return `CAST(${value} AS CHAR)`;
    case 'time':
      return exactly(
        value,
        fractionCast(column, 'TIME', digitsOf(scalar)),
        (fitting) => `CAST(${fitting} AS CHAR)`,
      );
    case 'timestamp':
      return exactly(
        value,
        fractionCast(column, 'DATETIME', digitsOf(scalar)),
        (fitting) => `CONCAT(REPLACE(CAST(${fitting} AS CHAR), ' ', 'T'), 'Z')`,
      );
    case 'uuid':
      if (column.natural?.kind === 'bytes') return uuidSql(value);
      return column.natural?.kind === 'text' ? `LOWER(${unicode(column, value)})` : `CAST(${value} AS CHAR)`;
    case 'bytes':
      return `LOWER(${orTooLong(value, `HEX(${value})`)})`;
    case 'text':
      return textSql(column, value);
    case 'bits':
      return column.natural?.kind === 'bits'
        ? `LPAD(BIN(${value}), ${column.natural.length}, '0')`
        : textSql(column, value);
    case 'float':
    case 'json':
    case 'duration':
    case 'set':
      return null;
  }
}

function textSql(column: Described, value: string): string | null {
  const { natural, limits, length } = column;
  if (natural?.kind === 'bytes') return null;
  // No text field holds a NUL, so the enum's empty value, which stands for an error, equals none.
  if (limits.labels && !limits.labels.includes(''))
    return `IF(${value} = '', CHAR(0 USING utf8mb4), ${unicode(column, value)})`;
  return length > 0 ? unicode(column, value) : `CAST(${value} AS CHAR)`;
}

function uuidSql(value: string): string {
  const hex = `LOWER(HEX(${value}))`;
  const part = (from: number, count: number) => `SUBSTR(${hex}, ${from}, ${count})`;
  return `CONCAT(${[part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 16)].join(`, '-', `)})`;
}

/** Without zeros behind the last digit after the point. */
function trimmed({ natural }: Described, text: string): string {
  if (natural?.kind !== 'decimal' || natural.scale === 0) return text;
  return `TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM ${text}))`;
}

/** Null where the column has the field's digits after the second as it is. */
function fractionCast({ fraction }: Described, type: string, digits: number): string | null {
  return fraction === digits ? null : `${type}(${digits})`;
}

/** A value that has more digits than the field keeps is written with all of them, so that it equals none of the field's. */
function exactly(value: string, narrower: string | null, write: (fitting: string) => string): string {
  if (narrower === null) return write(value);
  const fitting = `CAST(${value} AS ${narrower})`;
  return `IF(${value} = ${fitting}, ${write(fitting)}, ${write(value)})`;
}

/** Without the zeros of ZEROFILL, and without those of a YEAR. */
function plain({ base, declared, digits, scale }: Described, value: string): string {
  if (base === 'year') return `CAST(${value} AS UNSIGNED)`;
  if (!/zerofill/i.test(declared)) return value;
  return base === 'decimal' ? `CAST(${value} AS DECIMAL(${digits}, ${scale}))` : `CAST(${value} AS UNSIGNED)`;
}

/** Hashes see bytes, so every text has to be in the same encoding. */
function unicode({ charset }: Described, value: string): string {
  return /^(utf8|ascii)/.test(charset) ? value : orTooLong(value, `CONVERT(${value} USING utf8mb4)`);
}
