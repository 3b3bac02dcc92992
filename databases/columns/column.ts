import type { Canonical } from '../../model/canonical.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { type Scalar, TooFine, toCanonical } from '../../model/scalar.ts';
import { bitsOfNumber, numberOfBits } from './bits.ts';
import type { CatalogueColumn } from './catalogue.ts';
import { durationOfText } from './duration.ts';
import { assertNotFiner } from './fraction.ts';
import { assertElements, assertLossless } from './lossless.ts';
import { labelsText, setOfText } from './set.ts';
import { assertNoSubstitute, specialText, substituteOf } from './substitute.ts';
import { assertGiven, mayBeTooLong } from './too-long.ts';

/** Moments are compared without the `T`, the `Z` and the zeros at their end, booleans as 1 and 0. The field decides, for both stores. */
export function isCompact(scalar: Scalar): boolean {
  if (scalar.kind === 'boolean' || scalar.kind === 'time') return true;
  return scalar.kind === 'timestamp' && scalar.substitutes === undefined;
}

export interface CatalogueTable {
  readonly name: string;
  /** Why it keeps no rows of its own, or not as a transaction and a crash ask for, with the remedy; null where it does. */
  readonly unfit: string | null;
  readonly columns: readonly CatalogueColumn[];
  /** Column lists of unique indexes without nullable columns. */
  readonly unique: readonly (readonly string[])[];
  /** Columns that an insert has to name: they may not be null, and neither a default nor, as far as one can see, a trigger fills them. */
  readonly unfilled: readonly string[];
}

/** SQL that holds where a column has the value that a text stands for, byte by byte. */
export function equals(column: CatalogueColumn, reference: string, text: string): string {
  const equal = `${reference} ${column.equal} (${column.compare(text)})`;
  return column.bytes ? `${equal} AND ${column.bytes(reference)} = ${column.bytes(text)}` : equal;
}

/** The canonical value of a column's text, as a field's scalar. Throws `NotCanonical` for what no field can hold. */
export function fromColumn(
  column: CatalogueColumn,
  scalar: Scalar,
  text: string | null,
): string | boolean | null {
  if (text === null) return null;
  if (mayBeTooLong(column)) assertGiven(text);
  const substitute = substituteOf(column, scalar, text);
  if (substitute) return substitute.value;
  const value = plainValue(column, scalar, text);
  assertNoSubstitute(column, scalar, value);
  return value;
}

function plainValue(column: CatalogueColumn, scalar: Scalar, text: string): string | boolean {
  const { natural, limits } = column;
  switch (scalar.kind) {
    case 'boolean':
      if (text === 'true' || text === '1') return true;
      if (text === 'false' || text === '0') return false;
      throw new NotCanonical(
        'holds a number that is neither 0 nor 1 where a boolean is declared; correct the row, or declare field.integer()',
      );
    case 'integer':
    case 'bigint':
      return toCanonical(scalar, natural?.kind === 'bits' ? numberOfBits(text) : text);
    case 'date':
      assertWholeDate(text);
      return momentOf(scalar, text);
    case 'time':
      return momentOf(scalar, text);
    case 'timestamp':
      assertWholeDate(text);
      return momentOf(scalar, `${text.replace(' ', 'T')}Z`);
    case 'duration':
      return durationOfText(scalar, text);
    case 'bytes':
      return text.toLowerCase();
    case 'uuid':
      return toCanonical(scalar, natural?.kind === 'bytes' ? uuidOfHex(text) : text);
    case 'json': {
      const json = jsonOf(text);
      if (limits.elements) assertElements(limits.elements, json);
      return json;
    }
    case 'set':
      return setOfText(column, text);
    case 'float':
      return toCanonical(scalar, column.single ? shortestSingle(Number(text)) : text);
    case 'text':
      if (natural?.kind === 'bytes') return toCanonical(scalar, textOfHex(text));
      if (limits.labels && text === '' && !limits.labels.includes('')) {
        throw new NotCanonical("holds the enum's empty value, which stands for an error; give it a label");
      }
      return toCanonical(scalar, text);
    default:
      return toCanonical(scalar, text);
  }
}

/** What each database has beside what a field says. */
const beyondFields = {
  date: 'holds a date that is no real day of the years 0001 to 9999',
  time: 'holds what is no time of day from 00:00:00 to 23:59:59.999999',
  timestamp: 'holds a timestamp that is none of the years 0001 to 9999',
} as const;

function momentOf(
  scalar: Scalar & { readonly kind: keyof typeof beyondFields },
  text: string,
): string | boolean {
  try {
    return toCanonical(scalar, text);
  } catch (error) {
    if (!(error instanceof NotCanonical) || error instanceof TooFine) throw error;
    throw new NotCanonical(
      `${beyondFields[scalar.kind]}; correct the row, or declare field.text(), which keeps it`,
    );
  }
}

/** MySQL lets a month and a day be unknown. */
function assertWholeDate(text: string): void {
  if (/^\d{4}-(?:00|\d\d-00)/.test(text)) {
    throw new NotCanonical(
      'holds a date with a zero month or day; correct the row, or declare field.text(), which keeps it',
    );
  }
}

function jsonOf(text: string): string {
  try {
    return canonicalJson(text);
  } catch (error) {
    if (error instanceof NotCanonical) throw error;
    // The parser's own message quotes the text.
    throw new NotCanonical(
      'holds text that is not JSON, an object that names a member twice, or a list of several dimensions or another first index than 1',
    );
  }
}

function textOfHex(hex: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(hex, 'hex'));
  } catch {
    throw new NotCanonical('holds bytes that are not UTF-8 where a text is declared; declare field.bytes()');
  }
}

function uuidOfHex(hex: string): string {
  return hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The text to store for a canonical value. Throws `NotCanonical` where the column would keep another value. */
export function toColumn(column: CatalogueColumn, scalar: Scalar, value: Canonical): string | null {
  const special = specialText(column, scalar, value);
  if (special !== null) return special;
  if (value === null) {
    if (!column.nullable) throw new NotCanonical('is null, and the column may not be');
    return null;
  }
  if (typeof value === 'boolean') {
    if (column.natural?.kind === 'boolean') return String(value);
    return value ? '1' : '0';
  }
  if (typeof value !== 'string') throw new NotCanonical('a list or record does not fit a column');
  const { natural, limits } = column;
  assertNotFiner(column, scalar, value);
  switch (scalar.kind) {
    case 'timestamp':
      return value.replace('T', ' ').replace('Z', '');
    case 'integer':
    case 'bigint':
      if (natural?.kind === 'bits') return bitsOfNumber(value, natural.length);
      break;
    case 'uuid':
      if (natural?.kind === 'bytes') return value.replaceAll('-', '');
      break;
    case 'text':
      if (natural?.kind === 'bytes') return Buffer.from(value, 'utf8').toString('hex');
      break;
    case 'set':
      return labelsText(column, value);
    case 'json':
      if (limits.elements) assertElements(limits.elements, value);
      break;
    case 'decimal':
      if (digitsAfter(value) > digitsKept(natural)) {
        throw new NotCanonical(`has more digits after the point than ${column.declared} keeps`);
      }
      break;
    case 'float':
      if (column.single && String(shortestSingle(Number(value))) !== value) {
        throw new NotCanonical(
          `has more digits than ${column.declared} keeps; round it, or widen the column`,
        );
      }
      assertLossless(column, scalar, value);
      // With all its digits: the shortest text of the largest number is beyond the range.
      return column.single ? String(Math.fround(Number(value))) : value;
  }
  assertLossless(column, scalar, value);
  return value;
}

function digitsKept(natural: Scalar | null): number {
  if (natural?.kind === 'decimal') return natural.scale ?? Number.POSITIVE_INFINITY;
  return natural?.kind === 'integer' || natural?.kind === 'bigint' ? 0 : Number.POSITIVE_INFINITY;
}

function digitsAfter(decimal: string): number {
  return /\.(\d*?)0*$/.exec(decimal)?.[1]?.length ?? 0;
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
