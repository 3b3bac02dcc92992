import { ApplicationFailure, log } from '@temporalio/workflow';
import { messageOf } from '../failures.ts';
import type { MigrationStatus, Step, StepRequest } from '../messages.ts';
import * as actions from './actions.ts';
import type { MigrationRun } from './run.ts';

/** Steps of an operator, now or when their time has come. */

const tryAgainMs = 30_000;

/** Takes a step, or plans it where its time has not come. One that is refused now is refused; one that waits is tried until it may. */
export async function takeOrPlan(
  run: MigrationRun,
  step: Step,
  request: StepRequest = {},
): Promise<MigrationStatus> {
  const { by = null, reason = null, force = false, notBefore = null, notAfter = null } = request;
  const now = Date.now();
  if (notBefore === null || Date.parse(notBefore) <= now)
    return await run.exclusively(step, () => take(run, step, { by, reason, force }));
  run.update({
    planned: {
      step,
      from: run.state.phase,
      by,
      reason,
      force,
      notBefore,
      notAfter,
      waitingFor: 'its time',
      nextTryAt: notBefore,
    },
  });
  return run.status();
}

/** When the planned step is due, or its time is over; infinite where neither comes. */
export function plannedDue({ state: { planned, paused }, busy }: MigrationRun): number {
  if (planned === null) return Number.POSITIVE_INFINITY;
  const end = planned.notAfter === null ? Number.POSITIVE_INFINITY : Date.parse(planned.notAfter);
  return paused || busy !== null ? end : Math.min(end, Date.parse(planned.nextTryAt));
}

/** Tries the planned step, or gives it up where its time is over. */
export async function tryPlanned(run: MigrationRun): Promise<void> {
  const { planned, phase, paused } = run.state;
  if (planned === null) return;
  const { step, notAfter } = planned;
  if (notAfter !== null && Date.now() >= Date.parse(notAfter)) {
    const waited = paused ? 'the migration to be resumed' : planned.waitingFor;
    const lastFailure = `${step}: it was not taken before ${notAfter}, because it waited for ${waited}`;
    run.update({ planned: null, lastFailure });
    log.error('a planned step was given up', { step, notAfter, waited });
    return;
  }
  if (phase !== planned.from || run.busy !== null) return;
  try {
    await run.exclusively(step, () => take(run, step, planned));
    run.update({ planned: null });
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    log.warn('a planned step was refused', { step, reason: error.message });
    const { planned: left } = run.state;
    // It may have been cancelled meanwhile.
    if (left === null) return;
    const nextTryAt = new Date(Date.now() + tryAgainMs).toISOString();
    run.update({ planned: { ...left, waitingFor: `its gate: ${messageOf(error)}`, nextTryAt } });
  }
}

function take(run: MigrationRun, step: Step, options: actions.StepOptions): Promise<void> {
  return step === 'rollback' ? actions.rollback(run, options) : actions.advance(run, options);
}
