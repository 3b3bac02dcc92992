import type { ComparisonSlice, Position } from '../../activities/comparison/compare.ts';
import type { Evidence } from '../../model/evidence.ts';
import { longRunning } from '../activities.ts';

/** What a comparison has counted so far. */
export interface Tally {
  readonly compared: number;
  readonly differences: number;
  readonly ahead: number;
  readonly ambiguous: number;
  readonly inFlight: number;
}

export const emptyTally: Tally = { compared: 0, differences: 0, ahead: 0, ambiguous: 0, inFlight: 0 };

const sliceMs = 20_000;

/** Compares the next slice of an entity's keys; from null, earlier differences are looked at again first. */
export async function compareNext(entity: string, from: Position | null): Promise<ComparisonSlice> {
  if (from === null) await longRunning.recheckDifferences({ entity });
  return await longRunning.compareSlice({ entity, from: from ?? { stage: 'rows', after: null }, sliceMs });
}

export function plus<T extends Tally>(tally: T, part: Tally): T {
  return {
    ...tally,
    compared: tally.compared + part.compared,
    differences: tally.differences + part.differences,
    ahead: tally.ahead + part.ahead,
    ambiguous: tally.ambiguous + part.ambiguous,
    inFlight: tally.inFlight + part.inFlight,
  };
}

/**
 * What a comparison proves, now that it is over.
 *
 * @param seed of a random sample
 * @param upperBound of the share that differs
 */
export function evidenceOf(
  { compared, differences, ambiguous, inFlight }: Tally,
  { began, mode, seed, upperBound }: Pick<Evidence, 'began' | 'mode' | 'seed' | 'upperBound'>,
): Evidence {
  const at = new Date().toISOString();
  return { began, at, mode, seed, compared, differences, ambiguous, inFlight, upperBound };
}

/**
 * Upper bound of the share that differs: what was counted where every key was compared. Of a sample, at 95 % confidence: the rule
 * of three where nothing was found, Wilson's score bound otherwise (E. B. Wilson, 1927). Keys in flight prove nothing.
 */
export function upperBoundOf({ compared, differences, inFlight }: Tally, whole: boolean): number {
  if (whole) return differences === 0 ? 0 : differences / compared;
  const proved = compared - inFlight;
  if (proved <= 0) return 1;
  if (differences === 0) return Math.min(1, 3 / proved);
  const z = 1.6449;
  // Samples of two stores may differ in more keys than one of them has.
  const share = Math.min(1, differences / proved);
  const centre = share + (z * z) / (2 * proved);
  const spread = z * Math.sqrt((share * (1 - share)) / proved + (z * z) / (4 * proved * proved));
  return Math.min(1, (centre + spread) / (1 + (z * z) / proved));
}
