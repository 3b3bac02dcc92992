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
  readonly limits: ColumnLimits;
  /** SQL that gives the value as text, from a reference to the column. */
  readonly read: (reference: string) => string;
  /** SQL that gives a value to store, from an expression that is text. */
  readonly write: (text: string) => string;
  /** SQL that gives a value to compare the column with, so that an index serves. */
  readonly compare: (text: string) => string;
  /** SQL for the bytes of a text, where the column's collation takes texts of different bytes for equal; null elsewhere. */
  readonly bytes: ((text: string) => string) | null;
  /** Whether values of texts and UUIDs sort as their bytes do. */
  readonly sortsByBytes: boolean;
  /**
   * SQL for the text of the value's canonical form, the same at every engine, so that databases can be compared without
   * sending rows; null where only the worker can give it. What a field cannot hold gives a text that none of its values has.
   */
  readonly canonical: (reference: string, scalar: Scalar) => string | null;
}

/** What the database would otherwise change in silence. */
export interface ColumnLimits {
  /** CHAR(n) drops blanks at the end, VARCHAR(n) those beyond n. */
  readonly characters?: number;
  readonly padded?: boolean;
  /** BINARY(n) fills up with zeros. */
  readonly octets?: number;
  /** The values of an ENUM; others may be taken for a position in the list. */
  readonly labels?: readonly string[];
  /** YEAR takes 0…99 for years of our time. */
  readonly year?: boolean;
}

export interface CatalogueTable {
  readonly name: string;
  readonly columns: readonly CatalogueColumn[];
  /** Column lists of unique indexes without nullable columns. */
  readonly unique: readonly (readonly string[])[];
  readonly autoIncrement: string | null;
}

/** SQL that holds where a column has the value that a text stands for, byte by byte. */
export function equals(column: CatalogueColumn, reference: string, text: string): string {
  const equal = `${reference} = ${column.compare(text)}`;
  return column.bytes ? `${equal} AND ${column.bytes(reference)} = ${column.bytes(text)}` : equal;
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
      return jsonOf(text);
    case 'float':
      return toCanonical(scalar, column.single ? shortestSingle(Number(text)) : text);
    case 'text':
      return text;
    default:
      return toCanonical(scalar, text);
  }
}

function jsonOf(text: string): string {
  try {
    return canonicalJson(text);
  } catch (error) {
    if (error instanceof NotCanonical) throw error;
    // The parser's own message quotes the text.
    throw new NotCanonical('holds text that is not JSON, or an object that names a member twice');
  }
}

/** The text to store for a canonical value. Throws `NotCanonical` where the column would keep another value. */
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
  refuseChanged(column, value);
  return value;
}

function refuseChanged({ declared, limits }: CatalogueColumn, value: string): void {
  const { characters, padded, octets, labels, year } = limits;
  if (padded && value.endsWith(' '))
    throw new NotCanonical(`ends with a blank, which ${declared} drops; cut it off, or use a varchar column`);
  if (characters !== undefined && value.endsWith(' ') && [...value].length > characters)
    throw new NotCanonical(`is longer than ${declared}; shorten it, or widen the column`);
  if (octets !== undefined && value.length !== octets * 2)
    throw new NotCanonical(
      `is not ${octets} bytes long, and ${declared} would fill it up; use a varbinary column`,
    );
  if (labels && !labels.includes(value))
    throw new NotCanonical('is not among the values of the enum; add it to the column');
  if (year && value !== '0' && !(Number(value) >= 1901 && Number(value) <= 2155))
    throw new NotCanonical('is not a year from 1901 to 2155, which is all that the column keeps');
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
