import {
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Position } from '../../activities/comparison/compare.ts';
import type { RepairPage } from '../../activities/comparison/repair.ts';
import { longRunning, unbounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import {
  type Evidence,
  migrationWorkflowId,
  type Reconciliation,
  type ReconciliationRequest,
  reconciliationFinished,
} from '../messages.ts';
import { compareNext, emptyTally, evidenceOf, plus, type Tally } from './tally.ts';

export interface ReconciliationInput extends ReconciliationRequest {
  /** Carried through continue-as-new. */
  readonly carried: {
    readonly entities: readonly string[];
    readonly at: Step;
    readonly totals: Totals;
  } | null;
}

/** Where an entity stands: it is compared first, then what was found is mended. */
type Step = { readonly compare: Position | null } | { readonly repair: { readonly after: string | null } };

/** `differences` are those that were found, repaired or not. */
interface Totals extends Tally {
  readonly repaired: number;
}

const begin: Step = { compare: null };
const nothing: Totals = { ...emptyTally, repaired: 0 };

/**
 * Compares everything, slice by slice; with `repair` it then makes the secondary equal to the primary. The differences
 * are in the primary's control table, so that a repair goes on where a lost worker left it.
 */
export async function reconcile(input: ReconciliationInput): Promise<Reconciliation> {
  let { totals, at } = input.carried ?? { totals: nothing, at: begin };
  const waiting = [...(input.carried?.entities ?? input.entities)];
  if (!input.carried) {
    const skipped = await unbounded.notComparableReason();
    if (skipped !== null) return { evidence: null, found: 0, repaired: 0, skipped };
  }
  for (let entity = waiting[0]; entity !== undefined; entity = waiting[0]) {
    const next = await step(entity, at);
    setCurrentDetails(details(totals));
    if (next === null) waiting.shift();
    at = next ?? begin;
    if (workflowInfo().continueAsNewSuggested && waiting.length > 0)
      await continueAsNew<typeof reconcile>({ ...input, carried: { entities: waiting, at, totals } });
  }
  const { differences: found, repaired } = totals;
  const evidence = evidenceOf({ ...totals, differences: found - repaired }, { mode: 'full', seed: 0 });
  if (input.whole) await report(input.migration, evidence);
  return { evidence, found, repaired, skipped: null };

  /** Does a slice of work; gives the next one, null when the entity is done. */
  async function step(entity: string, now: Step): Promise<Step | null> {
    if ('repair' in now) {
      const page: RepairPage = await longRunning.repairDifferences({ entity, ...now.repair });
      totals = { ...totals, repaired: totals.repaired + page.repaired };
      return page.after === null ? null : { repair: { after: page.after } };
    }
    const slice = await compareNext(entity, now.compare);
    totals = plus(totals, slice);
    if (slice.next !== null) return { compare: slice.next };
    return input.repair && totals.differences > 0 ? { repair: { after: null } } : null;
  }
}

/** A migration that has ended, or was never started, has no use for evidence. */
async function report(migration: string, evidence: Evidence): Promise<void> {
  try {
    await getExternalWorkflowHandle(migrationWorkflowId(migration)).signal(reconciliationFinished, evidence);
  } catch (error) {
    log.info('no migration takes the evidence', { reason: messageOf(error) });
  }
}

function details({ compared, differences, ambiguous, repaired }: Totals): string {
  return `**${compared}** keys compared, ${differences} differ, ${ambiguous} ambiguous, ${repaired} repaired`;
}
