import type { BoundColumn } from './bound.ts';

/** Why a column would refuse a text that is in its own form; null where it has room. What `toColumn` refuses is not looked at again. */
export function rangeFault(column: BoundColumn, text: string): string | null {
  const { declared, natural, limits } = column;
  switch (natural?.kind) {
    case 'integer':
    case 'bigint': {
      const range = wholeRange(declared);
      if (!range || !/^-?\d+$/.test(text)) return null;
      const value = BigInt(text);
      return value < range.least || value > range.most ? `is out of the range of ${declared}` : null;
    }
    case 'decimal': {
      if (declared === 'money')
        return isMoney(text, natural.scale ?? 0) ? null : 'is out of the range of money';
      const [, digits, scale] = /\((\d+),\s?(\d+)\)/.exec(declared) ?? [];
      if (digits === undefined) return null;
      const whole = text.replace(/^-?0*/, '').replace(/\..*$/, '');
      return whole.length > Number(digits) - Number(scale) ? `is out of the range of ${declared}` : null;
    }
    case 'timestamp':
      // Of MySQL; PostgreSQL's type has another name, and a longer range.
      if (!/^timestamp(\(\d\))?$/.test(declared)) return null;
      return text < '1970-01-01 00:00:01' || text >= '2038-01-19 03:14:08'
        ? `is out of the range of ${declared}`
        : null;
    case 'text':
      if (limits.characters !== undefined && [...text].length > limits.characters)
        return `is longer than ${declared}`;
      return limits.noNul ? null : longer(declared, Buffer.byteLength(text));
    case 'bytes':
      return longer(declared, text.length / 2);
    default:
      return null;
  }
}

/** 64 bits, of the smallest unit. */
function isMoney(text: string, scale: number): boolean {
  const [whole = '', fraction = ''] = text.split('.');
  const units = BigInt(`${whole}${fraction.slice(0, scale).padEnd(scale, '0')}`);
  return units >= -(2n ** 63n) && units < 2n ** 63n;
}

function longer(declared: string, bytes: number): string | null {
  return bytes > mostBytesOf(declared) ? `is longer than ${declared}` : null;
}

/** What a column of MySQL or MariaDB holds of bytes, or of a text's UTF-8; infinity where that is not what bounds it. */
export function mostBytesOf(declared: string): number {
  const most = /^varbinary\((\d+)\)/.exec(declared)?.[1] ?? bytesOfType[declared.replace(/[( ].*/, '')];
  return Number(most ?? Number.POSITIVE_INFINITY);
}

const bytesOfType: Readonly<Record<string, number>> = {
  tinytext: 255,
  tinyblob: 255,
  text: 65_535,
  blob: 65_535,
  mediumtext: 16_777_215,
  mediumblob: 16_777_215,
};

const bitsOfType: Readonly<Record<string, number>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  integer: 32,
  bigint: 64,
};

interface WholeRange {
  readonly least: bigint;
  readonly most: bigint;
}

/** Of the types that columns have; each key of a column is looked at. */
const knownRanges = new Map<string, WholeRange | null>();

/** The whole numbers that a type holds; null where it is none of these types. */
export function wholeRange(declared: string): WholeRange | null {
  const known = knownRanges.get(declared);
  if (known !== undefined) return known;
  const range = rangeOf(declared);
  knownRanges.set(declared, range);
  return range;
}

function rangeOf(declared: string): WholeRange | null {
  const bits = bitsOfType[declared.replace(/[( ].*/, '')];
  if (bits === undefined) return null;
  if (/unsigned/i.test(declared)) return { least: 0n, most: 2n ** BigInt(bits) - 1n };
  return { least: -(2n ** BigInt(bits - 1)), most: 2n ** BigInt(bits - 1) - 1n };
}
