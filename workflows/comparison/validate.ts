import { getExternalWorkflowHandle, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { ComparisonSlice, Position } from '../../activities/comparison/compare.ts';
import { longRunning, unbounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import {
  type Evidence,
  migrationWorkflowId,
  type ValidationRequest,
  validationFinished,
} from '../messages.ts';
import { compareNext, emptyTally, evidenceOf, plus, type Tally } from './tally.ts';

export interface ValidationInput extends ValidationRequest {
  readonly migration: string;
  readonly entities: readonly string[];
}

/** Deep equality of canonical images, over a uniform sample of the keys of both stores or over all of them. */
export async function validate(input: ValidationInput): Promise<Evidence> {
  const { sample, seed } = input;
  let tally = emptyTally;
  try {
    for (const entity of input.entities) {
      if (sample !== null) {
        await unbounded.clearDifferences({ entity });
        count(await longRunning.compareSample({ entity, count: sample, seed }));
        continue;
      }
      let position: Position | null = null;
      do {
        const slice: ComparisonSlice = await compareNext(entity, position);
        count(slice);
        position = slice.next;
      } while (position !== null);
    }
  } catch (error) {
    await report(input.migration, { failed: messageOf(error) });
    throw error;
  }
  const evidence = evidenceOf(tally, { mode: sample === null ? 'full' : 'sample', seed });
  await report(input.migration, evidence);
  return evidence;

  function count(part: Tally): void {
    tally = plus(tally, part);
    const { compared, differences, ambiguous } = tally;
    setCurrentDetails(`**${compared}** keys compared, ${differences} differ, ${ambiguous} ambiguous`);
  }
}

async function report(migration: string, result: Evidence | { failed: string }): Promise<void> {
  if (!workflowInfo().parent) return;
  await getExternalWorkflowHandle(migrationWorkflowId(migration)).signal(validationFinished, result);
}
