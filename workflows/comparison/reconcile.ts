import { condition, continueAsNew, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Position } from '../../activities/comparison/compare.ts';
import type { RepairPage } from '../../activities/comparison/repair.ts';
import { descriptionOf } from '../../model/inputs/messages.ts';
import { longRunning, unbounded } from '../activities.ts';
import {
  bulkWorkEnded,
  type Reconciliation,
  type ReconciliationRequest,
  reconciliationStarted,
  repairBegan,
  setPaused,
} from '../messages.ts';
import { tellMigration } from '../tell-migration.ts';
import { compareNext, emptyTally, evidenceOf, plus, type Tally } from './tally.ts';

export interface ReconciliationInput extends ReconciliationRequest {
  /** Carried through continue-as-new. */
  readonly carried: {
    readonly entities: readonly string[];
    readonly at: Step;
    readonly totals: Totals;
    readonly began: string;
    readonly paused: boolean;
  } | null;
}

/** Where an entity stands: it is compared first, then what was found is mended, in one pass or more. */
type Step = { readonly compare: Position | null } | { readonly repair: Pass };

/** A pass over the differences. Another follows while one mends something: what was refused may have waited for it. */
interface Pass {
  readonly after: string | null;
  readonly repaired: number;
  readonly left: number;
  readonly ahead: number;
}

/** `differences` are those that were found, repaired or not; `ahead` those that are left. */
interface Totals extends Tally {
  readonly repaired: number;
}

const begin: Step = { compare: null };
const newPass: Pass = { after: null, repaired: 0, left: 0, ahead: 0 };
const nothing: Totals = { ...emptyTally, repaired: 0 };

/**
 * Compares everything, slice by slice; with `repair` it then makes the stores equal. The differences are in the primary's
 * control table, so that a repair goes on where a lost worker left it.
 */
export async function reconcile(input: ReconciliationInput): Promise<Reconciliation> {
  let { totals, at } = input.carried ?? { totals: nothing, at: begin };
  const began = input.carried?.began ?? new Date().toISOString();
  const waiting = [...(input.carried?.entities ?? input.entities)];
  let paused = input.carried?.paused ?? false;
  setHandler(
    setPaused,
    (value) => {
      paused = value;
    },
    { description: descriptionOf('reconcile', 'setPaused') },
  );
  // A pause that was asked for before is answered.
  await tellMigration(input.migration, reconciliationStarted);
  if (!input.carried) {
    const skipped = await unbounded.notComparableReason({ from: input.repair ? input.from : null });
    if (skipped !== null) return { evidence: null, entities: [], found: 0, repaired: 0, ahead: 0, skipped };
  }
  for (let entity = waiting[0]; entity !== undefined; entity = waiting[0]) {
    await condition(() => !paused);
    const next = await step(entity, at);
    setCurrentDetails(details(totals));
    if (next === null) waiting.shift();
    at = next ?? begin;
    if (workflowInfo().continueAsNewSuggested && waiting.length > 0)
      await continueAsNew<typeof reconcile>({
        ...input,
        carried: { entities: waiting, at, totals, began, paused },
      });
  }
  const { differences: found, repaired, ahead, compared } = totals;
  // A repair also mends what an earlier comparison found.
  const left = Math.max(0, found - repaired);
  const upperBound = left === 0 ? 0 : left / compared;
  const evidence = evidenceOf({ ...totals, differences: left }, { began, mode: 'full', seed: 0, upperBound });
  const { entities } = input;
  if (left === 0) await unbounded.forgetSetBack({ entities });
  await tellMigration(input.migration, bulkWorkEnded, 'reconciliation');
  return { evidence, entities, found, repaired, ahead, skipped: null };

  /** Does a slice of work; gives the next one, null when the entity is done. */
  async function step(entity: string, now: Step): Promise<Step | null> {
    if ('repair' in now) return await repairNext(entity, now.repair);
    const slice = await compareNext(entity, now.compare);
    // A repair says at its end how many are left.
    totals = plus(totals, input.repair ? { ...slice, ahead: 0 } : slice);
    if (slice.next !== null) return { compare: slice.next };
    if (!input.repair || totals.differences === 0) return null;
    await tellMigration(input.migration, repairBegan);
    return { repair: newPass };
  }

  async function repairNext(entity: string, pass: Pass): Promise<Step | null> {
    const { after } = pass;
    const page: RepairPage = await longRunning.repairDifferences({ entity, after, from: input.from });
    totals = { ...totals, repaired: totals.repaired + page.repaired };
    const done: Pass = {
      after: page.after,
      repaired: pass.repaired + page.repaired,
      left: pass.left + page.left,
      ahead: pass.ahead + page.ahead,
    };
    if (done.after !== null) return { repair: done };
    if (done.repaired > 0 && done.left > done.ahead) return { repair: newPass };
    totals = { ...totals, ahead: totals.ahead + done.ahead };
    return null;
  }
}

function details({ compared, differences, ambiguous, repaired }: Totals): string {
  return `**${compared}** keys compared, ${differences} differ, ${ambiguous} ambiguous, ${repaired} repaired`;
}
