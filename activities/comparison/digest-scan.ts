import type { RangeDigest } from '../../databases/contract/comparison.ts';
import { inLanes } from '../concurrency.ts';

/** Ends of a range: above `lower`, up to and including `upper`; null is open. */
interface Range<P> {
  readonly lower: P | null;
  readonly upper: P | null;
}

/** What one store can hash of a thing that both keep in one order. */
export interface Hashed<P> {
  /** No digest of more rows is to be trusted. */
  readonly mostRows: number;
  /** Ends of ranges inside a range, in order, each about as many rows further. */
  steps(within: Range<P>, count: number): Promise<P[]>;
  /** Whether a range may end there in this store. */
  holds(end: P): Promise<boolean>;
  digests(ranges: readonly Range<P>[]): Promise<RangeDigest[]>;
  hashes(range: Range<P>): Promise<{ key: string; digest: string }[]>;
}

/** What a stretch of a scan came upon. */
export interface Scanned<P> {
  readonly compared: number;
  /** Key texts that look unequal. */
  readonly suspects: readonly string[];
  /** Whether it came to the end; else it goes on after `next`. */
  readonly done: boolean;
  readonly next: P | null;
}

const lanes = 4;
const mostRanges = 128;
const opensAtOnce = 2;
/** A statement that takes longer than this is made shorter, one that takes less than half of it longer. */
const statementMs = 500;

/** Hashes range after range in both stores at the same time, and opens only those that are not equal. */
export async function scanDigests<P>(
  primary: Hashed<P>,
  secondary: Hashed<P>,
  from: P | null,
  isOver: (suspects: number) => boolean,
): Promise<Scanned<P>> {
  const suspects: string[] = [];
  let compared = 0;
  let lower = from;
  let walked = from;
  let ended = false;
  let size = 4;

  async function nextRanges(): Promise<readonly Range<P>[] | null> {
    // However late it is: each stretch comes further than the one before.
    if (ended || (lower !== from && isOver(suspects.length))) return null;
    // Other lanes may change the size meanwhile.
    const asked = size;
    const steps = await primary.steps({ lower: walked, upper: null }, asked);
    walked = steps.at(-1) ?? walked;
    ended = steps.length < asked;
    const ranges = await cut({ lower, upper: null }, steps, secondary);
    // The last one is open: its end is not known before the next steps are.
    const last = ranges.at(-1);
    lower = last?.lower ?? lower;
    return ended ? ranges : ranges.slice(0, -1);
  }

  async function compareRanges(ranges: readonly Range<P>[]): Promise<void> {
    if (ranges.length === 0) return;
    const started = Date.now();
    const [left, right] = await Promise.all([primary.digests(ranges), secondary.digests(ranges)]);
    const took = Date.now() - started;
    if (took > statementMs) size = Math.max(1, Math.floor(size / 2));
    else if (took < statementMs / 2 && ranges.length >= size) size = Math.min(mostRanges, size * 2);
    const unequal: Range<P>[] = [];
    for (const [at, range] of ranges.entries()) {
      const one = left[at];
      const other = right[at];
      if (!one || !other) throw new TypeError('a store gave fewer digests than ranges');
      const isLong = Math.max(one.rows, other.rows) > primary.mostRows;
      if (!isLong && one.rows === other.rows && one.digest === other.digest) compared += one.rows;
      else if (!isLong || !(await split(range, one.rows < other.rows))) unequal.push(range);
    }
    for (let at = 0; at < unequal.length; at += opensAtOnce)
      await Promise.all(unequal.slice(at, at + opensAtOnce).map(open));
  }

  /** A range that holds too many rows in one of the stores, by that store's steps. False where it cannot be split. */
  async function split(range: Range<P>, bySecondary: boolean): Promise<boolean> {
    const [by, other] = bySecondary ? [secondary, primary] : [primary, secondary];
    for (let rest = range; ; ) {
      const asked = size;
      const steps = await by.steps(rest, asked);
      const ranges = await cut(rest, steps, other);
      if (rest === range && ranges.length < 2) return false;
      const isLast = steps.length < asked;
      await compareRanges(isLast ? ranges : ranges.slice(0, -1));
      if (isLast) return true;
      rest = ranges.at(-1) ?? rest;
    }
  }

  async function open(range: Range<P>): Promise<void> {
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

  await inLanes(lanes, nextRanges, compareRanges);
  return { compared, suspects, done: ended, next: lower };
}

/** Cuts a range at those of some keys that the other store can hold too; the last part ends where the range does. */
async function cut<P>(range: Range<P>, steps: readonly P[], other: Hashed<P>): Promise<Range<P>[]> {
  const held = await Promise.all(steps.map((end) => other.holds(end)));
  const ends = steps.filter((_, at) => held[at]);
  return [
    ...ends.map((upper, at) => ({ lower: ends[at - 1] ?? range.lower, upper })),
    { lower: ends.at(-1) ?? range.lower, upper: range.upper },
  ];
}
