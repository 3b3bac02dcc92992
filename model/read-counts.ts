import type { Policy } from './policy.ts';

/** What a service counts of its reads. */
export const readCountNames = [
  'legacy',
  'modern',
  'fellBack',
  'lagged',
  'undecided',
  'equal',
  'unequal',
  'inFlight',
  'failed',
] as const;

/**
 * Reads by the store that answered them (`legacy`, `modern`), and why the primary did instead of the routed store (`fellBack`,
 * `lagged`, `undecided`). Shadow reads by what they found (`equal`, `unequal`, `inFlight`, `failed`).
 */
export type ReadCounts = Readonly<Record<(typeof readCountNames)[number], number>>;

export const noReads: ReadCounts = {
  legacy: 0,
  modern: 0,
  fellBack: 0,
  lagged: 0,
  undecided: 0,
  equal: 0,
  unequal: 0,
  inFlight: 0,
  failed: 0,
};

export function sumOfReads(left: ReadCounts, right: ReadCounts): ReadCounts {
  const sum = { ...left };
  for (const name of readCountNames) sum[name] += right[name];
  return sum;
}

/** Shadow reads that could be compared. */
export function compared({ equal, unequal }: ReadCounts): number {
  return equal + unequal;
}

/** Why reads may not go on as they do: what was found, and whether the stores disagreed or modern did not answer. */
export const readFaults = ['mismatches', 'failures'] as const;

export interface ReadFault {
  readonly kind: (typeof readFaults)[number];
  readonly reason: string;
}

type Budget = Pick<Policy, 'readBudget' | 'readBudgetReads'>;

/**
 * Whether more reads than the budget disagreed or failed. Of few reads, as many may as of `readBudgetReads`: one bad read among
 * the first ten says little.
 */
export function overBudget(counts: ReadCounts, budget: Budget): ReadFault | null {
  const { unequal, modern, fellBack } = counts;
  if (isOver(unequal, compared(counts), budget))
    return { kind: 'mismatches', reason: `${unequal} of ${compared(counts)} shadow reads disagreed` };
  if (isOver(fellBack, modern + fellBack, budget)) {
    return {
      kind: 'failures',
      reason: `modern did not answer ${fellBack} of ${modern + fellBack} reads`,
    };
  }
  return null;
}

/** Whether more reads than the budget were answered by legacy although all were to be modern, whatever the reason. */
export function isNotModern({ modern, fellBack, lagged }: ReadCounts, budget: Budget): boolean {
  return isOver(fellBack + lagged, modern + fellBack + lagged, budget);
}

function isOver(bad: number, of: number, { readBudget, readBudgetReads }: Budget): boolean {
  return bad > readBudget * Math.max(of, readBudgetReads);
}
