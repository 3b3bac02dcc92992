import {
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Compared, Position } from '../activities/comparison/compare.ts';
import type { Repaired } from '../activities/comparison/repair.ts';
import { bulk, patient } from './activities.ts';
import { messageOf } from './failures.ts';
import {
  type Evidence,
  migrationWorkflowId,
  type Reconciliation,
  type ReconciliationRequest,
  reconciliationFinished,
} from './messages.ts';

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

interface Totals {
  readonly compared: number;
  readonly found: number;
  readonly ambiguous: number;
  readonly inFlight: number;
  readonly repaired: number;
}

const sliceMs = 20_000;
const begin: Step = { compare: null };
const nothing: Totals = { compared: 0, found: 0, ambiguous: 0, inFlight: 0, repaired: 0 };

/**
 * Compares everything, slice by slice; with `repair` it then brings the secondary to what the primary has. The differences
 * are in the deciding store's control table, so that a repair goes on where a lost worker left it.
 */
export async function reconcile(input: ReconciliationInput): Promise<Reconciliation> {
  let { totals, at } = input.carried ?? { totals: nothing, at: begin };
  const waiting = [...(input.carried?.entities ?? input.entities)];
  if (!input.carried) {
    const skipped = await patient.whyNotComparable();
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
  const evidence: Evidence = {
    at: new Date().toISOString(),
    mode: 'full',
    seed: 0,
    compared: totals.compared,
    differences: totals.found - totals.repaired,
    ambiguous: totals.ambiguous,
    inFlight: totals.inFlight,
    upperBound: 0,
  };
  if (input.whole) await report(input.migration, evidence);
  return { evidence, found: totals.found, repaired: totals.repaired, skipped: null };

  /** Does a slice of work; gives the next one, null when the entity is done. */
  async function step(entity: string, now: Step): Promise<Step | null> {
    if ('repair' in now) {
      const page: Repaired = await bulk.repairDifferences({ entity, ...now.repair });
      totals = { ...totals, repaired: totals.repaired + page.repaired };
      return page.after === null ? null : { repair: { after: page.after } };
    }
    if (now.compare === null) await patient.forgetDifferences({ entity });
    const from: Position = now.compare ?? { stage: 'rows', after: null };
    const slice: Compared = await bulk.compareSlice({ entity, from, sliceMs });
    totals = {
      ...totals,
      compared: totals.compared + slice.compared,
      found: totals.found + slice.differences,
      ambiguous: totals.ambiguous + slice.ambiguous,
      inFlight: totals.inFlight + slice.inFlight,
    };
    if (slice.next !== null) return { compare: slice.next };
    return input.repair && totals.found > 0 ? { repair: { after: null } } : null;
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

function details({ compared, found, ambiguous, repaired }: Totals): string {
  return `**${compared}** keys compared, ${found} differ, ${ambiguous} ambiguous, ${repaired} repaired`;
}
