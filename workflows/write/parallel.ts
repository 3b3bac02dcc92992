import { ApplicationFailure, log } from '@temporalio/workflow';
import type { TentativeResult } from '../../activities/write/write-result.ts';
import type { WriteInput, WriteRoute } from '../../model/operation.ts';
import { local } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { compensate } from './compensate.ts';
import { decide, type PrimaryDecision } from './decide.ts';
import type { WriteRun } from './run.ts';
import { withdraw } from './withdraw.ts';

/**
 * The store that takes the write at the same time as the primary; null where none does. An update computes its image at the
 * primary first, so the secondary can only come after it; and what the primary may well refuse because of its version is not
 * worth undoing.
 */
export function tentativeStore({ pattern, operation, route }: WriteInput): WriteRoute['secondary'] {
  if (pattern !== 'parallel' || operation.kind === 'update' || operation.expectedVersion !== null)
    return null;
  return route.secondary;
}

/**
 * Both stores at once. The primary decides. What the secondary has by then is tentative: it is withdrawn where the primary
 * refuses, and where the secondary refuses for good, the primary is compensated, before the caller is told.
 */
export async function decideParallel(
  run: WriteRun,
  store: NonNullable<WriteRoute['secondary']>,
): Promise<PrimaryDecision> {
  const { input } = run;
  const [primary, secondary] = await Promise.all([outcomeOf(decide(input)), takeOnce(input)]);
  if ('error' in primary) {
    if (secondary?.status !== 'refused') await withdraw(run, store, primary.error);
    throw primary.error;
  }
  const { decided } = primary;
  run.enter('secondary', { version: decided.version, reason: null });
  if (secondary?.status === 'refused') await compensate(run, decided, secondary.message, secondary.details);
  return decided;
}

/** One quick attempt; null where the secondary did not answer. What that leaves open is settled once the primary has decided. */
async function takeOnce(input: WriteInput): Promise<TentativeResult | null> {
  try {
    return await local.writeTentative(input);
  } catch (error) {
    log.warn('the secondary did not answer; it is converged after the primary', { reason: messageOf(error) });
    return null;
  }
}

async function outcomeOf(
  deciding: Promise<PrimaryDecision>,
): Promise<{ decided: PrimaryDecision } | { error: ApplicationFailure }> {
  try {
    return { decided: await deciding };
  } catch (error) {
    if (error instanceof ApplicationFailure) return { error };
    throw error;
  }
}
