import { isCorruptKey, type Key, keyText } from '../../model/canonical.ts';
import { keyLimitBytes } from '../../model/entity.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { type Scalar, toCanonical } from '../../model/scalar.ts';
import type { BoundColumn, BoundEntity } from './bound.ts';
import { toColumn } from './column.ts';
import { wholeRange } from './range.ts';

/** Why nothing can be done with a key in a store, and what helps. The key itself stays out. */
export interface KeyFault {
  readonly reason: string;
  /** Whether no row of the store can have this key; else one may be there, and cannot be used. */
  readonly isNeverThere: boolean;
}

/** The texts that stand for the parts of a key in SQL, or why there are none. */
export function keyTextsOrFault(bound: BoundEntity, key: Key): readonly string[] | KeyFault {
  const { entity, root } = bound;
  if (isCorruptKey(key)) {
    return unusable(
      `a control table holds a text that is no key of ${entity.name}; look for it in records, and delete that row`,
    );
  }
  if (key.length !== root.key.length) {
    return unusable(
      `a key of ${key.length} parts is no key of ${entity.name}, which has ${root.key.length}; delete its row from the control tables`,
    );
  }
  if (isTooLong(key)) {
    return unusable(
      `a key of ${entity.name} has more than the ${keyLimitBytes} bytes that can be indexed; use a shorter key`,
    );
  }
  const texts: string[] = [];
  for (const [index, column] of root.key.entries()) {
    const part = key[index] ?? '';
    const fault = formFault(column, part);
    if (fault) {
      const reason = `${placeOf(bound, column)} ${fault}; correct the row, or declare the key as what it is`;
      return { reason, isNeverThere: isHeldWhole(column) };
    }
    try {
      assertInRange(column, part);
      texts.push(toColumn(column, column.scalar, part) ?? '');
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error;
      return { reason: `${placeOf(bound, column)} ${error.message}`, isNeverThere: true };
    }
  }
  return texts;
}

export function isFault(found: readonly string[] | KeyFault): found is KeyFault {
  return 'reason' in found;
}

export function keyFault(bound: BoundEntity, key: Key): KeyFault | null {
  const found = keyTextsOrFault(bound, key);
  return isFault(found) ? found : null;
}

/** Most keys are so short that their text need not be looked at. */
function isTooLong(key: Key): boolean {
  let most = 0;
  for (const part of key) most += part.length * charactersInJson + aroundInJson;
  return most > keyLimitBytes && Buffer.byteLength(keyText(key)) > keyLimitBytes;
}

function placeOf({ entity, root }: BoundEntity, { name }: BoundColumn): string {
  return `${entity.name}: ${root.name}.${name}`;
}

/** Whether the column itself holds nothing but values of the field: a date may be one before our era, a number NaN. */
function isHeldWhole({ natural, scalar }: BoundColumn): boolean {
  return (
    natural?.kind === scalar.kind && ['integer', 'bigint', 'uuid', 'bytes', 'boolean'].includes(scalar.kind)
  );
}

function unusable(reason: string): KeyFault {
  return { reason, isNeverThere: false };
}

/** What a row may hold in its key although no value of the field is written so. */
function formFault({ scalar, specialValues }: BoundColumn, part: string): string | null {
  switch (scalar.kind) {
    // Whatever a text must not hold, the column says.
    case 'text':
      return null;
    case 'uuid':
      if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part)) return null;
      return part === part.toLowerCase() ? 'holds no UUID' : 'holds a UUID that is not in lower case';
    case 'integer':
    case 'bigint':
      return /^-?\d+$/.test(part) ? null : 'holds no whole number';
    case 'bytes':
      return /^(?:[0-9a-f]{2})*$/.test(part) ? null : 'holds no bytes';
    default:
      // The column itself has it, and can look for it.
      if (specialValues.some(([, own]) => own === part)) return null;
      return isWritten(scalar, part) ? null : `holds what is no ${scalar.kind}`;
  }
}

/** Whether the part is the canonical text of a value. A comparison with another one may be an error, for all keys of its statement. */
function isWritten(scalar: Scalar, part: string): boolean {
  try {
    return toCanonical(scalar, part) === part;
  } catch (error) {
    if (error instanceof NotCanonical) return false;
    throw error;
  }
}

/** A comparison with a number beyond the column's range is an error at PostgreSQL, for all keys of its statement. */
function assertInRange({ scalar, declared }: BoundColumn, part: string): void {
  if (scalar.kind !== 'integer' && scalar.kind !== 'bigint') return;
  const range = wholeRange(declared);
  if (range === null) return;
  const value = BigInt(part);
  if (value < range.least || value > range.most)
    throw new NotCanonical(`is out of the range of ${declared}; widen the column`);
}

const charactersInJson = 6;
/** Quotes, a comma, and a bracket. */
const aroundInJson = 4;
const otherKindsBytes = 40;

/** Whether the target can use whatever key the source may have: most tables are spared the look at each one. */
export function isUsableKey(source: readonly BoundColumn[], target: readonly BoundColumn[]): boolean {
  let bytes = 0;
  for (const [index, column] of source.entries()) {
    const into = target[index];
    if (!into) return false;
    const { scalar, declared, limits } = column;
    if (scalar.kind === 'integer' || scalar.kind === 'bigint') {
      const [from, to] = [wholeRange(declared), wholeRange(into.declared)];
      if (!from || !to || from.least < to.least || from.most > to.most) return false;
    }
    if (scalar.kind === 'text' || scalar.kind === 'bytes')
      bytes += (limits.characters ?? Number.POSITIVE_INFINITY) * charactersInJson;
    else bytes += otherKindsBytes;
  }
  return bytes < keyLimitBytes;
}
