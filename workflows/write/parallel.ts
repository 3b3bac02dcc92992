import { ApplicationFailure, log } from '@temporalio/workflow';
import type { WriteResult } from '../../activities/write/write-result.ts';
import type { WriteInput, WriteRoute } from '../../model/operation.ts';
import { local, localThenRemote } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { compensate, undo } from './compensate.ts';
import { decide, type PrimaryDecision } from './decide.ts';
import type { WriteRun } from './run.ts';

/**
 * An update computes its image at the primary first, so the secondary can only come after it; and what the primary may
 * well refuse because of its version is not worth undoing.
 */
export function runsParallel({ pattern, operation, route }: WriteInput): boolean {
  if (pattern !== 'parallel' || route.secondary === null) return false;
  return operation.kind !== 'update' && operation.expectedVersion === null;
}

/** Both stores at once. What one of them refuses for good is undone in the other before the caller is told. */
export async function decideParallel(run: WriteRun): Promise<PrimaryDecision> {
  const { input } = run;
  const [primary, secondary] = await Promise.all([outcomeOf(decide(input)), writeSecondaryOnce(input)]);
  if ('error' in primary) {
    if (secondary?.status !== 'refused') await withdraw(run, input.route, primary.error);
    throw primary.error;
  }
  const { decided } = primary;
  run.enter('secondary', { version: decided.version, reason: null });
  if (secondary?.status === 'refused') await compensate(run, decided, secondary.message, secondary.details);
  return decided;
}

/** The primary refused: the operation is closed in the secondary, and undone there if it had got in. */
async function withdraw(run: WriteRun, route: WriteRoute, refused: ApplicationFailure): Promise<void> {
  const store = route.secondary;
  if (!store) return;
  const { operation } = run.input;
  const reason = refused.message;
  run.enter('compensating', { version: null, reason });
  const closed = await localThenRemote((activities) => activities.closeOperation({ operation, store }));
  if (closed.status !== 'aborted') await undo(run, { route, version: null, reason, store });
}

/**
 * One quick attempt at the secondary; null where it did not answer. What it leaves open is replicated by converging.
 */
async function writeSecondaryOnce(input: WriteInput): Promise<WriteResult | null> {
  try {
    return await local.writeSecondary(input);
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
