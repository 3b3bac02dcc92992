import type { RangeDigest } from '../../databases/contract/comparison.ts';
import { mapConcurrently } from '../concurrency.ts';

/** Ends of a range: above `lower`, up to and including `upper`; null is open. */
interface DigestRange<P> {
  readonly lower: P | null;
  readonly upper: P | null;
}

/** What one store can hash of a thing that both keep in one order. */
export interface DigestSource<P> {
  /** No digest of more rows is to be trusted. */
  readonly maxRows: number;
  /** Ends of ranges inside a range, in order, each about as many rows further. */
  steps(within: DigestRange<P>, count: number): Promise<P[]>;
  /** Whether a range may end there in this store. */
  holds(end: P): Promise<boolean>;
  digests(ranges: readonly DigestRange<P>[]): Promise<RangeDigest[]>;
  hashes(range: DigestRange<P>): Promise<{ key: string; digest: string }[]>;
}

/** What a stretch of a scan came upon. */
export interface ScanSlice<P> {
  readonly compared: number;
  /** Key texts that look unequal. */
  readonly suspects: readonly string[];
  /** Whether it came to the end; else it goes on after `next`. */
  readonly done: boolean;
  readonly next: P | null;
}

const concurrency = 4;
const maxRanges = 128;
const maxOpenRanges = 2;
/** A statement that takes longer than this is made shorter, one that takes less than half of it longer. */
const statementMs = 500;

/** Hashes range after range in both stores at the same time, and opens only those that are not equal. */
export async function scanDigests<P>(
  primary: DigestSource<P>,
  secondary: DigestSource<P>,
  from: P | null,
  shouldStop: (suspects: number) => boolean,
): Promise<ScanSlice<P>> {
  const suspects: string[] = [];
  let compared = 0;
  let lower = from;
  let walked = from;
  let ended = false;
  let size = 4;

  async function nextRanges(): Promise<readonly DigestRange<P>[] | null> {
    // However late it is: each stretch comes further than the one before.
    if (ended || (lower !== from && shouldStop(suspects.length))) return null;
    // Other lanes may change the size meanwhile.
    const asked = size;
    const steps = await primary.steps({ lower: walked, upper: null }, asked);
    walked = steps.at(-1) ?? walked;
    ended = steps.length < asked;
    const ranges = await shareFactor({ lower, upper: null }, steps, secondary);
    // The last one is open: its end is not known before the next steps are.
    const last = ranges.at(-1);
    lower = last?.lower ?? lower;
    return ended ? ranges : ranges.slice(0, -1);
  }

  async function compareRanges(ranges: readonly DigestRange<P>[]): Promise<void> {
    if (ranges.length === 0) return;
    const started = Date.now();
    const [left, right] = await Promise.all([primary.digests(ranges), secondary.digests(ranges)]);
    const took = Date.now() - started;
    if (took > statementMs) size = Math.max(1, Math.floor(size / 2));
    else if (took < statementMs / 2 && ranges.length >= size) size = Math.min(maxRanges, size * 2);
    const unequal: DigestRange<P>[] = [];
    for (const [at, range] of ranges.entries()) {
      const one = left[at];
      const other = right[at];
      if (!one || !other) throw new TypeError('a store gave fewer digests than ranges');
      const isLong = Math.max(one.rows, other.rows) > primary.maxRows;
      if (!isLong && one.rows === other.rows && one.digest === other.digest) compared += one.rows;
      else if (!isLong || !(await split(range, one.rows < other.rows))) unequal.push(range);
    }
    for (let at = 0; at < unequal.length; at += maxOpenRanges)
      await Promise.all(unequal.slice(at, at + maxOpenRanges).map(open));
  }

  /** A range that holds too many rows in one of the stores, by that store's steps. False where it cannot be split. */
  async function split(range: DigestRange<P>, bySecondary: boolean): Promise<boolean> {
    const [by, other] = bySecondary ? [secondary, primary] : [primary, secondary];
    for (let rest = range; ; ) {
      const asked = size;
      const steps = await by.steps(rest, asked);
      const ranges = await shareFactor(rest, steps, other);
      if (rest === range && ranges.length < 2) return false;
      const isLast = steps.length < asked;
      await compareRanges(isLast ? ranges : ranges.slice(0, -1));
      if (isLast) return true;
      rest = ranges.at(-1) ?? rest;
    }
  }

  async function open(range: DigestRange<P>): Promise<void> {
    const [left, right] = await Promise.all([primary.hashes(range), secondary.hashes(range)]);
    compared += left.length;
    const known = new Map(left.map(({ key, digest }) => [key, digest]));
    for (const { key, digest } of right) {
      const other = known.get(key);
      known.delete(key);
      if (other === digest) continue;
      if (other === undefined) compared += 1;
      suspects.push(key);
    }
    suspects.push(...known.keys());
  }

  await mapConcurrently(concurrency, nextRanges, compareRanges);
  return { compared, suspects, done: ended, next: lower };
}

/** Cuts a range at those of some keys that the other store can hold too; the last part ends where the range does. */
async function shareFactor<P>(
  range: DigestRange<P>,
  steps: readonly P[],
  other: DigestSource<P>,
): Promise<DigestRange<P>[]> {
  const held = await Promise.all(steps.map((end) => other.holds(end)));
  const ends = steps.filter((_, at) => held[at]);
  return [
    ...ends.map((upper, at) => ({ lower: ends[at - 1] ?? range.lower, upper })),
    { lower: ends.at(-1) ?? range.lower, upper: range.upper },
  ];
}
