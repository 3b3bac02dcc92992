import { isLosslessNumber, LosslessNumber } from 'lossless-json';
import { canonicalJson, parseJson } from '../../model/canonical-json.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { type Scalar, toCanonical } from '../../model/scalar.ts';
import type { CatalogueColumn, ColumnLimits } from './catalogue.ts';

/** Throws `NotCanonical` where the column would take a value and keep another one. */
export function assertLossless(
  { declared, natural, limits }: CatalogueColumn,
  scalar: Scalar,
  value: string,
): void {
  const {
    characters,
    padded,
    octets,
    utf8Bytes,
    labels,
    members,
    year,
    decimals,
    noNul,
    strings,
    jsonDoubles,
    isCanonicalText,
  } = limits;
  if (padded && value.endsWith(' '))
    throw new NotCanonical(`ends with a blank, which ${declared} drops; cut it off, or use a varchar column`);
  if (characters !== undefined && value.endsWith(' ') && [...value].length > characters)
    throw new NotCanonical(`is longer than ${declared}; shorten it, or widen the column`);
  // MariaDB would say that the first character beyond its bytes is a wrong one.
  if (utf8Bytes !== undefined && value.length * 3 > utf8Bytes && Buffer.byteLength(value) > utf8Bytes)
    throw new NotCanonical(`is too long for ${declared}; shorten it, or widen the column`);
  if (octets !== undefined && value.length !== octets * 2)
    throw new NotCanonical(
      `is not ${octets} bytes long, and ${declared} would fill it up; use a varbinary column`,
    );
  if (labels && !labels.includes(value))
    throw new NotCanonical('is not among the values of the enum; add it to the column');
  if (members && members.filter((label) => value.split(',').includes(label)).join(',') !== value)
    throw new NotCanonical(`is not written as ${declared} gives it back; keep its labels and their order`);
  if (year && value !== '0' && !(Number(value) >= 1901 && Number(value) <= 2155))
    throw new NotCanonical('is not a year from 1901 to 2155, which is all that the column keeps');
  if (decimals !== undefined && Number(Number(value).toFixed(decimals)) !== Number(value))
    throw new NotCanonical(`has more digits after the point than ${declared} keeps`);
  if (noNul && holdsNul(scalar, value))
    throw new NotCanonical(`holds a NUL character, which ${declared} refuses; use a bytea column`);
  if (jsonDoubles && scalar.kind === 'json') assertNotRounded(declared, value);
  if (strings) assertStringMembers(declared, value);
  if (isCanonicalText && (natural?.kind === 'text' || scalar.kind === 'text') && !isCanonicalText(value))
    throw new NotCanonical(`is not written as ${declared} gives it back`);
}

function holdsNul(scalar: Scalar, value: string): boolean {
  return scalar.kind === 'json' ? /(?<!\\)(?:\\\\)*\\u0000/.test(value) : value.includes('\u0000');
}

function assertNotRounded(declared: string, json: string): void {
  canonicalJson(json, (number) => {
    if (!isInt64(number) && !isDouble(number))
      throw new NotCanonical(`holds a number that ${declared} would round; keep it as a string`);
  });
}

/** Whether a canonical number is one of 64 bits with a point; what is beyond them is none of JSON's. */
function isDouble(text: string): boolean {
  const number = Number(text);
  return Number.isFinite(number) && canonicalJson(String(number)) === text;
}

function isInt64(text: string): boolean {
  return /^-?\d{1,20}$/.test(text) && BigInt(text) >= -(2n ** 63n) && BigInt(text) < 2n ** 64n;
}

function assertStringMembers(declared: string, value: string): void {
  const found: unknown = JSON.parse(value);
  const fits =
    found !== null &&
    typeof found === 'object' &&
    !Array.isArray(found) &&
    Object.values(found).every((member) => member === null || typeof member === 'string');
  if (!fits) throw new NotCanonical(`is no object of strings and nulls, which is all that ${declared} keeps`);
}

/** A list whose elements the column would turn into others, such as a number among texts. */
export function assertElements(elements: NonNullable<ColumnLimits['elements']>, value: string): void {
  const list = parseJson(value, (text) => new LosslessNumber(text));
  if (!Array.isArray(list)) throw new NotCanonical('is no list, and the column holds lists');
  for (const element of list) {
    if (element !== null && !fitsElement(elements, element)) {
      throw new NotCanonical(`holds an element that is no ${elements.kind} of the column's`);
    }
  }
}

function fitsElement(
  { kind, scale, characters }: NonNullable<ColumnLimits['elements']>,
  element: unknown,
): boolean {
  if (kind === 'boolean') return typeof element === 'boolean';
  if (kind === 'integer' || kind === 'bigint' || kind === 'decimal' || kind === 'float') {
    if (!isLosslessNumber(element)) return false;
    const { value } = element;
    if (kind === 'integer' || kind === 'bigint') return /^-?\d+$/.test(value);
    if (kind === 'decimal') return scale === null || (/\.(\d+)$/.exec(value)?.[1] ?? '').length <= scale;
    return isDouble(value);
  }
  if (typeof element !== 'string') return false;
  if (kind === 'text') return characters === null || [...element].length <= characters;
  try {
    return toCanonical(kind === 'uuid' ? { kind } : { kind: 'date' }, element) === element;
  } catch (error) {
    if (error instanceof NotCanonical) return false;
    throw error;
  }
}
