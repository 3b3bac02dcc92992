import { getExternalWorkflowHandle, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Compared, Position } from '../activities/comparison/compare.ts';
import { bulk, patient } from './activities.ts';
import { messageOf } from './failures.ts';
import {
  type Evidence,
  migrationWorkflowId,
  type ValidationRequest,
  validationFinished,
} from './messages.ts';

export interface ValidationInput extends ValidationRequest {
  readonly migration: string;
  readonly entities: readonly string[];
}

const sliceMs = 20_000;

/** Deep equality of canonical images, over a uniform sample of the keys of both stores or over all of them. */
export async function validate(input: ValidationInput): Promise<Evidence> {
  const found = { compared: 0, differences: 0, ambiguous: 0, inFlight: 0 };
  try {
    for (const entity of input.entities) {
      await patient.forgetDifferences({ entity });
      if (input.sample !== null) {
        add(await bulk.compareSample({ entity, count: input.sample, seed: input.seed }));
        continue;
      }
      let position: Position | null = { stage: 'rows', after: null };
      while (position) {
        const slice: Compared = await bulk.compareSlice({ entity, from: position, sliceMs });
        add(slice);
        position = slice.next;
      }
    }
  } catch (error) {
    await report(input.migration, { failed: messageOf(error) });
    throw error;
  }
  const evidence: Evidence = {
    at: new Date().toISOString(),
    mode: input.sample === null ? 'full' : 'sample',
    seed: input.seed,
    ...found,
    upperBound: input.sample === null ? 0 : upperBound(found.compared, found.differences),
  };
  await report(input.migration, evidence);
  return evidence;

  function add(part: Compared): void {
    found.compared += part.compared;
    found.differences += part.differences;
    found.ambiguous += part.ambiguous;
    found.inFlight += part.inFlight;
    setCurrentDetails(
      `**${found.compared}** keys compared, ${found.differences} differ, ${found.ambiguous} ambiguous`,
    );
  }
}

async function report(migration: string, result: Evidence | { failed: string }): Promise<void> {
  if (!workflowInfo().parent) return;
  await getExternalWorkflowHandle(migrationWorkflowId(migration)).signal(validationFinished, result);
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
