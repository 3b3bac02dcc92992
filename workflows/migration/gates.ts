import type { KnownFaults } from '../../activities/migration/measure-faults.ts';
import type { StoreName } from '../../model/failure.ts';
import { neededStores, type Phase, phases, routes } from '../../model/phase.ts';
import { soakedMs } from '../../model/soak.ts';
import { switching } from '../activities.ts';
import type { Condition, MigrationInput, MigrationState } from '../messages.ts';
import { bothAnswer, bothStores, met, type Passage, pass, reachable, unmet } from './condition.ts';
import { copied, evidenceConditions, readShare } from './known-conditions.ts';
import type { MigrationRun } from './run.ts';

/** Lets a migration into a phase, or says which condition refuses, what it measured and what to do. */
export async function gate(next: Phase, run: MigrationRun, passage: Passage): Promise<void> {
  pass(next, await conditionsOf(next, run), passage);
}

/** All conditions of a gate, measured now. What needs a store is left out where one cannot be reached. */
export async function conditionsOf(
  next: Phase,
  { state, input: { policy, digests } }: MigrationRun,
): Promise<Condition[]> {
  const conditions: Condition[] = [];
  const { secondary } = routes[next];
  if (secondary !== null) {
    const answer = await reachable(digests);
    conditions.push(answer);
    if (!answer.met) return conditions;
  }
  const needs = secondary !== null || (await bothAnswer()) ? bothStores : neededStores(next);
  switch (next) {
    case 'backfill':
      conditions.push(await writeShare(state, needs));
      break;
    case 'validate':
      conditions.push(copied(state));
      break;
    case 'switch-reads':
      conditions.push(...evidenceConditions(state, policy));
      break;
    case 'switch-primary':
      conditions.push(readShare(state));
      conditions.push(await modernReads(state, needs));
      conditions.push(...(await backlog(state, { needs, pendingAllowed: true })));
      conditions.push(...evidenceConditions(state, policy));
      break;
    case 'modern-only':
      conditions.push(await soak(state, policy, needs));
      conditions.push(...(await backlog(state, { needs, pendingAllowed: false })));
      conditions.push(...evidenceConditions(state, policy));
      break;
    default:
  }
  const faults = await switching.measureFaults({ needs });
  conditions.push(notSetBack(faults));
  if (phases.indexOf(next) >= phases.indexOf('validate')) conditions.push(knownFaults(faults));
  return conditions;
}

async function writeShare(state: MigrationState, needs: readonly StoreName[]): Promise<Condition> {
  const { primary } = routes[state.phase];
  const { flagControlled } = await switching.measureReadiness({ primary, needs });
  const described = {
    measured: { writePercent: state.writePercent, flagControlled: flagControlled.length },
    wanted: 'every key is written to both stores',
  };
  if (flagControlled.length === 0 || state.writePercent === 100) return met('write-share', described);
  const remedy = 'not every key is written to both stores; set the write share to 100';
  return unmet('write-share', { ...described, remedy });
}

/** At 100 %, what legacy still answers are reads that modern failed to answer, or was too far behind for. */
async function modernReads({ readsSince }: MigrationState, needs: readonly StoreName[]): Promise<Condition> {
  const { counts, isNotModern, fault } = await switching.measureReads({ since: readsSince, needs });
  const { modern, fellBack, lagged, unequal } = counts;
  const described = {
    measured: { modern, fellBack, lagged, unequal },
    wanted: 'modern answers the reads that it is asked for',
  };
  if (!isNotModern && fault === null) return met('modern-reads', described);
  const remedy =
    fault?.reason ?? 'legacy has answered reads that modern could not; see to the modern store, then wait';
  return unmet('modern-reads', { ...described, remedy });
}

/** A read that fell back to legacy begins it anew. */
async function soak(
  { readsModernSince, readsSince }: MigrationState,
  { soakMs }: MigrationInput['policy'],
  needs: readonly StoreName[],
): Promise<Condition> {
  const { lastFallbackMs } = await switching.measureReads({ since: readsSince, needs });
  const soaked = Math.min(soakedMs(readsModernSince, Date.now()), lastFallbackMs ?? Number.POSITIVE_INFINITY);
  const described = {
    measured: { soakedMs: soaked, soakMs },
    wanted: `all reads have been modern for ${soakMs} ms`,
  };
  if (soaked >= soakMs) return met('soak', described, true);
  return unmet('soak', { ...described, remedy: 'reads have not been modern for long enough; wait' }, true);
}

/** What a store has lost is brought back first. A rollback may not make such a store primary either. */
export function notSetBack({ setBack }: KnownFaults): Condition {
  const wanted = 'no store was set back';
  if (setBack === null) return met('set-back', { measured: { setBack: null }, wanted });
  const remedy = `${setBack.reason}; see what is missing with lockstep reconcile, bring it back with --repair`;
  return unmet('set-back', { measured: { setBack: setBack.store }, wanted, remedy });
}

/** What is known to differ holds a migration until it is mended, whatever a sample says. */
function knownFaults({ differences, refused: rows }: KnownFaults): Condition {
  const wanted = 'no key is known to differ';
  const measured = { differences, refused: rows };
  if (differences === 0) return met('faults', { measured, wanted });
  const remedy =
    'keys are known to differ, or a store refused their rows; see lockstep differences, mend the rows or the tables, ' +
    'then run lockstep reconcile --repair';
  return unmet('faults', { measured, wanted, remedy });
}

/** A few pending writes are on their way at any moment; only those that stay are a reason to refuse. */
async function backlog(
  state: MigrationState,
  { needs, pendingAllowed }: { needs: readonly StoreName[]; pendingAllowed: boolean },
): Promise<Condition[]> {
  const readiness = await switching.measureReadiness({ primary: routes[state.phase].primary, needs });
  const { pending, parked, tentative, backlogAgeMs } = readiness;
  const measured = { pending, parked, tentative, backlogAgeMs };
  const conditions = [parkedCondition(measured, parked)];
  if (pendingAllowed) return conditions;
  const wanted = `no write is pending for longer than ${maxPendingAgeMs} ms`;
  const isLate = pending + tentative > 0 && (backlogAgeMs ?? 0) > maxPendingAgeMs;
  const remedy = 'writes are still pending for the other store; see lockstep writes list';
  conditions.push(
    isLate ? unmet('pending', { measured, wanted, remedy }) : met('pending', { measured, wanted }),
  );
  return conditions;
}

export function parkedCondition(measured: Condition['measured'], parked: number): Condition {
  const wanted = 'no write is parked';
  if (parked === 0) return met('parked', { measured, wanted });
  return unmet('parked', {
    measured,
    wanted,
    remedy: 'writes are parked; resolve them with lockstep writes',
  });
}

const maxPendingAgeMs = 5_000;
