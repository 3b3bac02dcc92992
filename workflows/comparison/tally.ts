import type { ComparisonSlice, Position } from '../../activities/comparison/compare.ts';
import { longRunning, unbounded } from '../activities.ts';
import type { Evidence } from '../messages.ts';

/** What a comparison has counted so far. */
export interface Tally {
  readonly compared: number;
  readonly differences: number;
  readonly ambiguous: number;
  readonly inFlight: number;
}

export const emptyTally: Tally = { compared: 0, differences: 0, ambiguous: 0, inFlight: 0 };

const sliceMs = 20_000;

/** Compares the next slice of an entity's keys; from null, earlier differences are deleted first. */
export async function compareNext(entity: string, from: Position | null): Promise<ComparisonSlice> {
  if (from === null) await unbounded.clearDifferences({ entity });
  return await longRunning.compareSlice({ entity, from: from ?? { stage: 'rows', after: null }, sliceMs });
}

export function plus<T extends Tally>(tally: T, part: Tally): T {
  return {
    ...tally,
    compared: tally.compared + part.compared,
    differences: tally.differences + part.differences,
    ambiguous: tally.ambiguous + part.ambiguous,
    inFlight: tally.inFlight + part.inFlight,
  };
}

/** What a comparison proves, now that it is over; `seed` is that of a random sample. */
export function evidenceOf(tally: Tally, { mode, seed }: Pick<Evidence, 'mode' | 'seed'>): Evidence {
  const { compared, differences, ambiguous, inFlight } = tally;
  return {
    at: new Date().toISOString(),
    mode,
    seed,
    compared,
    differences,
    ambiguous,
    inFlight,
    upperBound: mode === 'sample' ? upperBound(compared, differences) : 0,
  };
}

/**
 * Upper bound of the share that differs, at 95 % confidence: the rule of three where nothing was found, Wilson's score
 * bound otherwise (E. B. Wilson, 1927).
 */
function upperBound(compared: number, differing: number): number {
  if (compared === 0) return 1;
  if (differing === 0) return Math.min(1, 3 / compared);
  const z = 1.6449;
  const share = differing / compared;
  const centre = share + (z * z) / (2 * compared);
  const spread = z * Math.sqrt((share * (1 - share)) / compared + (z * z) / (4 * compared * compared));
  return Math.min(1, (centre + spread) / (1 + (z * z) / compared));
}
