import type { Scalar } from '../../model/scalar.ts';

/** What of a column decides how its values are written. */
export interface Described {
  readonly base: string;
  readonly declared: string;
  readonly natural: Scalar | null;
  readonly digits: number;
  readonly scale: number;
  readonly fraction: number;
  readonly charset: string;
}

/** SQL for the canonical text of a value; null where only the worker can give it. See `CatalogueColumn.canonical`. */
export function canonicalSql(column: Described, value: string, scalar: Scalar): string | null {
  switch (scalar.kind) {
    case 'boolean':
      return `CASE ${value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(${value} AS CHAR) END`;
    case 'integer':
    case 'bigint':
      return `CAST(${plain(column, value)} AS CHAR)`;
    case 'decimal':
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
        column.fraction === scalar.precision ? null : `TIME(${scalar.precision})`,
        (fitting) => `CAST(${fitting} AS CHAR)`,
      );
    case 'timestamp':
      return exactly(
        value,
        column.fraction === scalar.precision ? null : `DATETIME(${scalar.precision})`,
        (fitting) => `CONCAT(REPLACE(CAST(${fitting} AS CHAR), ' ', 'T'), 'Z')`,
      );
    case 'uuid':
      return column.natural?.kind === 'text' ? `LOWER(${unicode(column, value)})` : `CAST(${value} AS CHAR)`;
    case 'bytes':
      return `LOWER(HEX(${value}))`;
    case 'text':
      return unicode(column, value);
    case 'float':
    case 'json':
      return null;
  }
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
  return /^(utf8|ascii)/.test(charset) ? value : `CONVERT(${value} USING utf8mb4)`;
}
