import { type ApplicationFailure, setCurrentDetails } from '@temporalio/workflow';
import type { Resolution } from '../../activities/write/tentative.ts';
import { failureIn } from '../../model/carried-failure.ts';
import type { StoreName } from '../../model/failure.ts';
import { compensation } from '../activities.ts';
import { compensationDetails, undoSummary } from './details.ts';
import { park } from './park.ts';
import type { WriteRun } from './run.ts';

/**
 * The primary refused: what the secondary took is undone, and the operation is closed there, before the caller is told. Where
 * the secondary does not take the primary's truth back, it is parked there.
 */
export async function withdraw(run: WriteRun, store: StoreName, refused: ApplicationFailure): Promise<void> {
  const { kind, entity } = run.input.operation;
  const reason = refused.message;
  const about = { kind, entity, store, reason };
  run.enter('compensating', { version: null, reason });
  for (;;) {
    setCurrentDetails(compensationDetails('begun', about));
    const result = await resolveOnce(run, store, refused);
    if (result.status === 'settled') {
      setCurrentDetails(compensationDetails('undone', about));
      return;
    }
    const parked = await park(run, {
      store,
      failure: 'CompensationFailed',
      reason: `${reason}; its compensation failed: ${result.message}`,
      undoing: true,
    });
    if ('decision' in parked && parked.decision === 'discard') {
      setCurrentDetails(compensationDetails('left', { ...about, reason: `${reason}; ${result.message}` }));
      return;
    }
    run.enter('compensating');
  }
}

async function resolveOnce(
  run: WriteRun,
  store: StoreName,
  refused: ApplicationFailure,
): Promise<Resolution> {
  const { id, entity, kind, key } = run.input.operation;
  const { resolveTentative } = compensation(undoSummary({ kind, entity, store, reason: refused.message }));
  try {
    return await resolveTentative({ operation: { id, entity, kind, key }, store });
  } catch (error) {
    const known = failureIn(error);
    if (!known) throw error;
    return { status: 'refused', message: known.message };
  }
}
