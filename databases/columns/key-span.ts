import { keyText } from '../../model/canonical.ts';

/** Whole numbers between which keys lie, both included. */
export interface KeySpan {
  readonly first: bigint;
  readonly last: bigint;
}

/** The texts of the keys within, as ranges: texts of one sign and as many digits are in the order of their numbers. */
export function textRangesOf({ first, last }: KeySpan): { readonly from: string; readonly to: string }[] {
  return [...rangesOf('-', -last > 1n ? -last : 1n, -first), ...rangesOf('', first > 0n ? first : 0n, last)];
}

function rangesOf(sign: string, least: bigint, most: bigint): { from: string; to: string }[] {
  const ranges = [];
  for (let from = least; from <= most; ) {
    const ofAsManyDigits = 10n ** BigInt(String(from).length) - 1n;
    const to = ofAsManyDigits < most ? ofAsManyDigits : most;
    ranges.push({ from: keyText([`${sign}${from}`]), to: keyText([`${sign}${to}`]) });
    from = to + 1n;
  }
  return ranges;
}
