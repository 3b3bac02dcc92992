import type { Canonical } from '../model/canonical.ts';
import { canonicalJson, NotCanonical, type Scalar, toCanonical } from '../model/scalar.ts';

/** A column as the catalogue describes it. */
export interface CatalogueColumn {
  readonly name: string;
  /** The engine's own name of the type, for messages and casts. */
  readonly declared: string;
  readonly nullable: boolean;
  readonly generated: boolean;
  /** What the column naturally holds; null where nobody has mapped the type. */
  readonly natural: Scalar | null;
  /** Set for 32-bit floats. */
  readonly single: boolean;
  /** SQL that gives the value as text, from a reference to the column. */
  readonly read: (reference: string) => string;
  /** SQL that gives a value to store, from an expression that is text. */
  readonly write: (text: string) => string;
  /** SQL that gives a value to compare the column with, so that an index serves. */
  readonly compare: (text: string) => string;
}

export interface CatalogueTable {
  readonly name: string;
  readonly columns: readonly CatalogueColumn[];
  /** Column lists of unique indexes without nullable columns. */
  readonly unique: readonly (readonly string[])[];
  readonly autoIncrement: string | null;
}

/** Why a column cannot hold a field's values; null where it can. */
export function whyNot(column: CatalogueColumn, scalar: Scalar): string | null {
  const natural = column.natural;
  if (!natural) return `type ${column.declared} is not mapped`;
  const wants = scalar.kind;
  const has = natural.kind;
  const digits = (kept: number, needed: number, of: string) =>
    kept >= needed ? null : `${column.declared} keeps ${kept} ${of}, the field has ${needed}`;
  if (wants === 'timestamp' && has === 'timestamp')
    return digits(natural.precision, scalar.precision, 'digits after the second');
  if (wants === 'time' && has === 'time')
    return digits(natural.precision, scalar.precision, 'digits after the second');
  if (wants === 'decimal' && has === 'decimal')
    return digits(natural.scale, scalar.scale, 'digits after the point');
  if (wants === has) return null;
  const whole = has === 'integer' || has === 'bigint' || (has === 'decimal' && natural.scale === 0);
  if ((wants === 'integer' || wants === 'bigint') && whole) return null;
  if (wants === 'decimal' && scalar.scale === 0 && whole) return null;
  if (wants === 'boolean' && has === 'integer') return null;
  if ((wants === 'uuid' || wants === 'json') && has === 'text') return null;
  return `${column.declared} cannot hold a ${wants} field`;
}

/** The canonical value of a column's text, as a field's scalar. Throws `NotCanonical` for what no field can hold. */
export function fromColumn(column: CatalogueColumn, scalar: Scalar, text: string | null): Canonical {
  if (text === null) return null;
  switch (scalar.kind) {
    case 'boolean':
      if (text === 'true' || text === '1') return true;
      if (text === 'false' || text === '0') return false;
      throw new NotCanonical('holds a number that is neither 0 nor 1 where a boolean is declared');
    case 'timestamp':
      return toCanonical(scalar, `${text.replace(' ', 'T')}Z`);
    case 'bytes':
      return text.toLowerCase();
    case 'json':
      return canonicalJson(text);
    case 'float':
      return toCanonical(scalar, column.single ? shortestSingle(Number(text)) : text);
    case 'text':
      return text;
    default:
      return toCanonical(scalar, text);
  }
}

/** The text to store for a canonical value. */
export function toColumn(column: CatalogueColumn, scalar: Scalar, value: Canonical): string | null {
  if (value === null) return null;
  if (typeof value === 'boolean') {
    if (column.natural?.kind === 'boolean') return String(value);
    return value ? '1' : '0';
  }
  if (typeof value !== 'string') throw new NotCanonical('a list or record does not fit a column');
  if (scalar.kind === 'timestamp') return value.replace('T', ' ').replace('Z', '');
  if (scalar.kind === 'float' && column.single && String(shortestSingle(Number(value))) !== value) {
    throw new NotCanonical(`has more digits than ${column.declared} keeps; round it, or widen the column`);
  }
  return value;
}

/** The number with the fewest digits that is the same 32-bit float: what a person wrote before it was stored. */
function shortestSingle(value: number): number {
  const single = Math.fround(value);
  for (let digits = 6; digits <= 9; digits++) {
    const candidate = Number(single.toPrecision(digits));
    if (Math.fround(candidate) === single) return candidate;
  }
  return single;
}
