import { condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { ComparisonSlice, Position } from '../../activities/comparison/compare.ts';
import type { Evidence } from '../../model/evidence.ts';
import { descriptionOf } from '../../model/inputs/messages.ts';
import { longRunning } from '../activities.ts';
import { setPaused, type ValidationRequest } from '../messages.ts';
import { tellEnd } from '../tell-migration.ts';
import { compareNext, emptyTally, evidenceOf, plus, type Tally, upperBoundOf } from './tally.ts';

export interface ValidationInput extends ValidationRequest {
  readonly migration: string;
  readonly entities: readonly string[];
}

/** Deep equality of canonical images, over a uniform sample of the keys of both stores or over all of them. */
export async function validate(input: ValidationInput): Promise<Evidence> {
  const { sample, seed } = input;
  const began = new Date().toISOString();
  let tally = emptyTally;
  // Of the entity that was looked at least: a large one must not speak for a small one.
  let upperBound = 0;
  let paused = false;
  setHandler(
    setPaused,
    (value) => {
      paused = value;
    },
    { description: descriptionOf('validate', 'setPaused') },
  );
  try {
    for (const entity of input.entities) {
      await condition(() => !paused);
      if (sample !== null) {
        await longRunning.recheckDifferences({ entity });
        const found = await longRunning.compareSample({ entity, count: sample, seed });
        upperBound = Math.max(upperBound, upperBoundOf(found, found.whole));
        count(found);
        continue;
      }
      let ofEntity = emptyTally;
      let position: Position | null = null;
      do {
        const slice: ComparisonSlice = await compareNext(entity, position);
        ofEntity = plus(ofEntity, slice);
        count(slice);
        await condition(() => !paused);
        position = slice.next;
      } while (position !== null);
      upperBound = Math.max(upperBound, upperBoundOf(ofEntity, true));
    }
    const mode = sample === null ? 'full' : 'sample';
    return evidenceOf(tally, { began, mode, seed, upperBound });
  } finally {
    await tellEnd(input.migration, 'validation');
  }

  function count(part: Tally): void {
    tally = plus(tally, part);
    const { compared, differences, ambiguous } = tally;
    setCurrentDetails(`**${compared}** keys compared, ${differences} differ, ${ambiguous} ambiguous`);
  }
}
