import { NotCanonical } from '../../model/not-canonical.ts';
import type { Scalar } from '../../model/scalar.ts';
import type { BoundColumn } from '../columns/bound.ts';
import { fromColumn, toColumn } from '../columns/column.ts';
import type { CopyText } from './copy-text.ts';

/** How one cell of a page gets from its source's column to its target's. */
export interface CopyCell {
  /** Whether the source's bytes may go as they are; where it says no, `convert` decides. */
  readonly fits: (bytes: Buffer, from: number, to: number) => boolean;
  /** Whether no value fits as it is. */
  readonly converted: boolean;
  /** Whether null may go as it is. */
  readonly nullFits: boolean;
  /** Whether the bytes hold nothing that must be escaped. */
  readonly plain: boolean;
  /** Whether the column holds bytes, which a source may give as they are. */
  readonly bytes: boolean;
  /** The long way, over the canonical value. Throws `NotCanonical` for what the field or the target cannot hold. */
  readonly convert: (text: string | null) => string | null;
  /** What stands before the text where the target takes it in another form than its `write` does. */
  readonly prefix: string;
}

type Fits = CopyCell['fits'];

/** @param prefix what the target wants before the text of this column */
export function copyCell(source: BoundColumn, target: BoundColumn, prefix: string): CopyCell {
  const { scalar } = source;
  const rule = fitsAsItIs(scalar, source, target);
  return {
    fits: rule ?? never,
    converted: rule === null,
    nullFits: target.nullable,
    plain: scalar.kind !== 'text' && scalar.kind !== 'json',
    bytes: source.natural?.kind === 'bytes',
    convert: (text) => toColumn(target, scalar, fromColumn(source, scalar, text)),
    prefix,
  };
}

/** A bulk load would take a null for the time now, or for a special value, where the column may not be null. */
export function putNull(cell: CopyCell, page: CopyText): void {
  if (cell.nullFits) {
    page.null();
    return;
  }
  const substitute = cell.convert(null);
  if (substitute === null) throw new NotCanonical('is null, and the column may not be');
  page.string(substitute, cell.prefix);
}

/** Writes a cell that the source gave as bare bytes. */
export function putCell(cell: CopyCell, page: CopyText, bytes: Buffer, from: number, to: number): void {
  if (!cell.fits(bytes, from, to)) page.string(cell.convert(bytes.toString('utf8', from, to)), cell.prefix);
  else if (cell.plain) page.plain(bytes, from, to, cell.prefix);
  else page.text(bytes, from, to, cell.prefix);
}

/** Writes a cell of which the source gave the bytes that it holds, and not their digits. */
export function putBytes(cell: CopyCell, page: CopyText, bytes: Buffer, from: number, to: number): void {
  if (cell.converted) page.string(cell.convert(bytes.toString('hex', from, to)), cell.prefix);
  else page.digits(bytes, from, to, cell.prefix);
}

const never: Fits = () => false;
const always: Fits = () => true;
const notEmpty: Fits = (_, from, to) => to > from;
const zero = 48;
const nine = 57;

/**
 * The rule by which a column's text means the same to the target's column, so that the way over the canonical value would
 * give it back unchanged. Null where there is none: the long way is always right, and nothing is guessed.
 */
function fitsAsItIs(scalar: Scalar, source: BoundColumn, target: BoundColumn): Fits | null {
  const from = source.natural;
  const to = target.natural;
  const { limits } = target;
  // A value that stands for another is the other's business, and so is one that the target would change.
  if (!from || !to || ('substitutes' in scalar && scalar.substitutes) || limits.year || limits.labels)
    return null;
  if (limits.isCanonicalText || limits.decimals !== undefined || target.rule.own || source.rule.own)
    return null;
  switch (scalar.kind) {
    case 'text':
      if (from.kind !== 'text' || to.kind !== 'text' || !hasRoom(source, target)) return null;
      // An enum's empty text stands for an error.
      if (source.limits.labels) return notEmpty;
      return source.limits.noNul || limits.noNul ? always : hasNoNul;
    case 'bigint':
      return isWhole(from) && isWhole(to) ? endsInDigit : null;
    case 'integer':
      if (!isWhole(from) || !isWhole(to)) return null;
      return from.kind === 'integer' ? always : isSafe;
    case 'decimal':
      if (from.kind !== 'decimal' || to.kind !== 'decimal' || from.scale !== scalar.scale) return null;
      return scalar.scale === null && to.scale !== null ? null : endsInDigit;
    case 'boolean':
      return from.kind === 'integer'
        ? isBit
        : from.kind === 'boolean' && to.kind === 'boolean'
          ? always
          : null;
    case 'date':
      return from.kind === 'date' && to.kind === 'date' ? isDay : null;
    case 'time':
      if (from.kind !== 'time' || to.kind !== 'time') return null;
      return asFine(scalar.precision, from.precision, to.precision, isClock, 8);
    case 'timestamp':
      if (from.kind !== 'timestamp' || to.kind !== 'timestamp') return null;
      return asFine(scalar.precision, from.precision, to.precision, isMoment, 19);
    case 'uuid':
      if (to.kind !== 'uuid' && !(to.kind === 'text' && hasRoomFor(target, 36))) return null;
      return from.kind === 'uuid' || from.kind === 'text' ? isUuid : null;
    case 'float':
      return from.kind === 'float' && to.kind === 'float' && source.single === target.single
        ? endsInDigit
        : null;
    case 'bytes':
      return from.kind === 'bytes' && to.kind === 'bytes' && target.limits.octets === undefined
        ? isGiven
        : null;
    case 'json':
      return null;
    default:
      return null;
  }
}

/**
 * Where the field says no precision, whatever the target keeps may go as it is: by the digits of the source's column, or else
 * by those of the value.
 *
 * @param seconds length of the text without a fraction
 */
function asFine(
  said: number | null,
  from: number | null,
  to: number | null,
  isSound: Fits,
  seconds: number,
): Fits | null {
  if (from === null || to === null) return null;
  if (said !== null) return from === said ? isSound : null;
  if (from <= to) return isSound;
  const most = to === 0 ? seconds : seconds + 1 + to;
  return (bytes, start, end) => end - start <= most && isSound(bytes, start, end);
}

function isWhole(scalar: Scalar): boolean {
  return (
    scalar.kind === 'integer' || scalar.kind === 'bigint' || (scalar.kind === 'decimal' && scalar.scale === 0)
  );
}

/** A longer text could end in blanks, which the target would cut off in silence. */
function hasRoom(source: BoundColumn, target: BoundColumn): boolean {
  return source.limits.characters === undefined
    ? target.limits.characters === undefined
    : hasRoomFor(target, source.limits.characters);
}

function hasRoomFor({ limits }: BoundColumn, characters: number): boolean {
  if (limits.padded) return false;
  return limits.characters === undefined || limits.characters >= characters;
}

const hasNoNul: Fits = (bytes, from, to) => {
  for (let at = from; at < to; at++) if (bytes[at] === 0) return false;
  return true;
};

/** See `assertGiven`. */
const isGiven: Fits = (bytes, from, to) => from === to || bytes[from] !== 0;

/** Neither NaN nor infinity, which both engines spell with letters. */
const endsInDigit: Fits = (bytes, _, to) => isDigit(bytes[to - 1]);

/** Within ±2^53, by its length alone. */
const isSafe: Fits = (bytes, from, to) => to - from <= 15 && isDigit(bytes[to - 1]);

const isBit: Fits = (bytes, from, to) =>
  to - from === 1 && (bytes[from] === zero || bytes[from] === zero + 1);

const isDay: Fits = (bytes, from, to) => to - from === 10 && isDayAt(bytes, from);

/** A day that can exist: no year, month or day 0, four digits for the year. */
function isDayAt(bytes: Buffer, at: number): boolean {
  return (
    bytes[at + 4] === 45 &&
    bytes[at + 7] === 45 &&
    !(isZero(bytes, at) && isZero(bytes, at + 2)) &&
    !isZero(bytes, at + 5) &&
    !isZero(bytes, at + 8)
  );
}

function isZero(bytes: Buffer, at: number): boolean {
  return bytes[at] === zero && bytes[at + 1] === zero;
}

const isMoment: Fits = (bytes, from, to) =>
  to - from >= 19 &&
  to - from <= 26 &&
  bytes[from + 10] === 32 &&
  isDigit(bytes[to - 1]) &&
  isDayAt(bytes, from);

/** A time of day: neither negative nor beyond 23 hours. */
const isClock: Fits = (bytes, from, to) => {
  const tens = bytes[from] ?? 0;
  return (
    to - from >= 8 &&
    bytes[from + 2] === 58 &&
    (tens === zero || tens === zero + 1 || (tens === zero + 2 && (bytes[from + 1] ?? 0) <= zero + 3)) &&
    isDigit(bytes[from])
  );
};

/** In small letters, with its hyphens in their places. */
const isUuid: Fits = (bytes, from, to) => {
  if (to - from !== 36) return false;
  for (let index = 0; index < 36; index++) {
    const byte = bytes[from + index] ?? 0;
    const hyphen = index === 8 || index === 13 || index === 18 || index === 23;
    if (hyphen ? byte !== 45 : !(isDigit(byte) || (byte >= 97 && byte <= 102))) return false;
  }
  return true;
};

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine;
}
