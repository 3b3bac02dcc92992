import { LosslessNumber, stringify } from 'lossless-json';
import { canonicalJson, halfCharacter, plainNumber, seenJson, tooDeep } from './canonical-json.ts';
import { jsonFault } from './json-fault.ts';
import { NotCanonical } from './not-canonical.ts';
import type { Substitutes } from './special-values.ts';

/**
 * The kinds of scalar that an entity's field may have. Both a field and a column have one; a column can hold a field when
 * their scalars are compatible (databases/types.ts, databases/fit.ts).
 */
export type Scalar =
  /** With `nul: 'bytes'` the text may hold NUL characters, and may lie in a column of bytes, as UTF-8. */
  | { readonly kind: 'text'; readonly nul?: 'bytes' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'bigint' }
  /** Without a scale, every value has the digits that it needs and no zeros behind them. */
  | { readonly kind: 'decimal'; readonly scale: number | null; readonly substitutes?: Substitutes }
  | { readonly kind: 'float'; readonly substitutes?: Substitutes }
  | { readonly kind: 'date'; readonly substitutes?: Substitutes }
  /** Of a field, without a precision: as many of six digits after the second as its columns keep. */
  | { readonly kind: 'time'; readonly precision: number | null }
  | { readonly kind: 'timestamp'; readonly precision: number | null; readonly substitutes?: Substitutes }
  /** A span of hours, minutes and seconds of either sign, which may be longer than a day. */
  | { readonly kind: 'duration'; readonly precision: number | null }
  | { readonly kind: 'bits'; readonly length: number }
  /** Labels without order: a JSON list of distinct strings, sorted. */
  | { readonly kind: 'set' }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'json' };

export type ScalarKind = Scalar['kind'];

/** Digits after the second in the canonical form of a time, of which a column may keep fewer where no precision is said. */
export function digitsOf({ precision }: { readonly precision: number | null }): number {
  return precision ?? 6;
}

/** A time with more digits after the second than its field or column keeps. */
export class TooFine extends NotCanonical {}

/**
 * The canonical text of a value (canonical form `true`/`false` for booleans).
 * Accepts what a program would naturally hold (number, bigint, string, Date, bytes) and refuses what would lose something.
 */
export function toCanonical(scalar: Scalar, value: unknown): string | boolean {
  switch (scalar.kind) {
    case 'text':
      return textOf(value, scalar.nul === 'bytes');
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw refused('a boolean', value);
    case 'integer':
    case 'bigint':
      return integerText(scalar.kind, value);
    case 'decimal':
      return decimalText(value, scalar.scale);
    case 'float':
      return floatText(value);
    case 'date':
      return dateText(value);
    case 'time':
      return timeText(value, digitsOf(scalar));
    case 'timestamp':
      return timestampText(value, digitsOf(scalar));
    case 'duration':
      return durationText(value, digitsOf(scalar));
    case 'bits':
      return bitsText(value, scalar.length);
    case 'set':
      return setText(value);
    case 'uuid':
      return uuidText(value);
    case 'bytes':
      if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
      throw refused('bytes (Uint8Array)', value);
    case 'json':
      return jsonText(value);
  }
}

/**
 * What a program gets to see: numbers, bigints, strings, bytes, lists of labels, parsed JSON. Decimals, dates, times and bits
 * stay strings. A number within JSON that JavaScript would round comes as a `LosslessNumber`.
 */
export function fromCanonical(scalar: Scalar, canonical: string | boolean): unknown {
  if (typeof canonical === 'boolean') return canonical;
  switch (scalar.kind) {
    case 'integer':
    case 'float':
      return Number(canonical);
    case 'bigint':
      return BigInt(canonical);
    case 'bytes':
      return new Uint8Array(Buffer.from(canonical, 'hex'));
    case 'set':
      return JSON.parse(canonical);
    case 'json':
      return seenJson(canonical);
    default:
      return canonical;
  }
}

function jsonText(value: unknown): string {
  const fault = withinDepth(() => jsonFault(value));
  if (fault !== null) throw new NotCanonical(`holds ${fault}`);
  return canonicalJson(withinDepth(() => stringify(value)) ?? 'null');
}

/** What has no end but the stack's tells so by an error that says nothing of JSON. */
function withinDepth<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new NotCanonical(tooDeep);
    throw error;
  }
}

function textOf(value: unknown, nul: boolean): string {
  if (typeof value !== 'string') throw refused('a string', value);
  if (!value.isWellFormed()) throw new NotCanonical(halfCharacter);
  if (!nul && value.includes('\u0000')) {
    throw new NotCanonical(
      "holds a NUL character, which PostgreSQL's text refuses; take it out, or declare the field with nul: 'bytes'",
    );
  }
  return value;
}

/** As integers are kept, and within ±2^53: most come so, and need not be taken apart. */
const plainInteger = /^(?:0|-?[1-9]\d{0,14})$/;

function integerText(kind: 'integer' | 'bigint', value: unknown): string {
  if (typeof value === 'string' && plainInteger.test(value)) return value;
  const big = integerOf(value);
  if (big === null) throw refused(kind === 'integer' ? 'a safe integer' : 'an integer', value);
  if (kind === 'integer' && !Number.isSafeInteger(Number(big))) {
    throw new NotCanonical('the integer is beyond 2^53; declare the field as field.bigint()');
  }
  return big.toString();
}

function integerOf(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : null;
  if (typeof value === 'string' && /^[+-]?\d+$/.test(value)) return BigInt(value.replace('+', ''));
  return null;
}

const plainDecimal = /^(?:0|[1-9]\d*)\.\d+$/;

function decimalText(value: unknown, scale: number | null): string {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  if (typeof text === 'string' && scale !== null && text.at(-scale - 1) === '.' && plainDecimal.test(text)) {
    return text;
  }
  if (typeof text !== 'string') throw refused('a decimal as string', value);
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (!match)
    throw new NotCanonical('a decimal is written as digits with an optional point, such as "12.50"');
  const [, sign = '', whole = '', fraction = ''] = match;
  if (scale === null) return plainNumber(`${sign === '-' ? sign : ''}${whole}.${fraction}0`);
  if (/[1-9]/.test(fraction.slice(scale))) {
    throw new NotCanonical(
      `the decimal has more than the ${scale} digits after the point that the field keeps`,
    );
  }
  const kept = fraction.slice(0, scale).padEnd(scale, '0');
  const digits = `${whole.replace(/^0+(?=\d)/, '')}${scale > 0 ? `.${kept}` : ''}`;
  return sign === '-' && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

function floatText(value: unknown): string {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number') throw refused('a number', value);
  if (!Number.isFinite(number)) throw new NotCanonical('NaN and infinity cannot be kept in both stores');
  return String(number === 0 ? 0 : number);
}

function dateText(value: unknown): string {
  if (typeof value !== 'string') throw refused('a date as "YYYY-MM-DD"', value);
  if (!isRealDate(value))
    throw new NotCanonical('a date is a real day written as "YYYY-MM-DD", years 0001 to 9999');
  return value;
}

function isRealDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false;
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= (month === 2 && leap ? 29 : (daysOf[month - 1] ?? 0));
}

const daysOf = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function timeText(value: unknown, precision: number): string {
  const match =
    typeof value === 'string' ? /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?$/.exec(value) : null;
  if (!match) throw refused('a time of day as "HH:MM:SS[.ffffff]"', value);
  return `${match[1]}:${match[2]}:${match[3]}${fractionText(match[4] ?? '', precision)}`;
}

/** As timestamps are kept; the last days of a month need a closer look. */
const plainTimestamp =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;

function timestampText(value: unknown, precision: number): string {
  if (precision === 6 && typeof value === 'string' && plainTimestamp.test(value)) return value;
  const text = value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value;
  const match =
    typeof text === 'string'
      ? /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})$/.exec(text)
      : null;
  if (!match) throw refused('a timestamp as "YYYY-MM-DDTHH:MM:SS[.ffffff]Z"', value);
  const [, day = '', clock = '', fraction = '', zone = 'Z'] = match;
  if (!isRealDate(day)) throw new NotCanonical('the timestamp names a day that does not exist');
  if (zone === 'Z' && /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(clock)) {
    return `${day}T${clock}${fractionText(fraction, precision)}Z`;
  }
  const instant = new Date(`${day}T${clock}${zone}`);
  if (Number.isNaN(instant.getTime()))
    throw new NotCanonical('the timestamp names a time that does not exist');
  return `${instant.toISOString().slice(0, 19)}${fractionText(fraction, precision)}Z`;
}

function durationText(value: unknown, precision: number): string {
  const match =
    typeof value === 'string' ? /^(-?)0*(\d{2,}):([0-5]\d):([0-5]\d)(?:\.(\d+))?$/.exec(value) : null;
  if (!match) throw refused('a span of time as "[-]HH:MM:SS[.ffffff]"', value);
  const [, sign, hours, minutes, seconds, fraction = ''] = match;
  const text = `${hours}:${minutes}:${seconds}${fractionText(fraction, precision)}`;
  return /[1-9]/.test(text) ? `${sign}${text}` : text;
}

function bitsText(value: unknown, length: number): string {
  if (typeof value !== 'string') throw refused('bits as a string of 0 and 1', value);
  if (!/^[01]*$/.test(value) || value.length !== length)
    throw new NotCanonical(`is not a string of exactly ${length} times 0 or 1`);
  return value;
}

function setText(value: unknown): string {
  if (!Array.isArray(value)) throw refused('a list of labels', value);
  const labels = value.map((label: unknown) => textOf(label, false));
  if (new Set(labels).size !== labels.length) throw new NotCanonical('names a label twice');
  return JSON.stringify(labels.sort());
}

function fractionText(fraction: string, precision: number): string {
  if (/[1-9]/.test(fraction.slice(precision))) {
    throw new TooFine(`the time is finer than the ${precision} digits after the second that the field keeps`);
  }
  return precision === 0 ? '' : `.${fraction.slice(0, precision).padEnd(precision, '0')}`;
}

function uuidText(value: unknown): string {
  const text = typeof value === 'string' ? value.toLowerCase() : '';
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text))
    throw refused('a UUID of 36 characters, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx', value);
  return text;
}

function refused(expected: string, value: unknown): NotCanonical {
  return new NotCanonical(`expected ${expected}, got ${typeName(value)}`);
}

export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a Date';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof LosslessNumber) return 'a number';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number that is not finite';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
