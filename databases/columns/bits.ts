import { NotCanonical } from '../../model/not-canonical.ts';

/** The unsigned number that a string of bits stands for. */
export function numberOfBits(bits: string): string {
  return BigInt(`0b${bits}`).toString();
}

/** The bits of a number, with the leading zeros of a column of that length. */
export function bitsOfNumber(number: string, length: number): string {
  const bits = BigInt(number).toString(2);
  if (number.startsWith('-') || bits.length > length) {
    throw new NotCanonical(`is not from 0 to 2^${length} − 1, which is all that ${length} bits hold`);
  }
  return bits.padStart(length, '0');
}
