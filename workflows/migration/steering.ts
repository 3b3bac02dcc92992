import { instantExample, instantOf } from '../../model/instant.ts';
import type { Phase } from '../../model/phase.ts';
import { phaseAfter, phaseBefore } from '../../model/phase.ts';
import { failure } from '../failures.ts';
import type { Condition, Preview, StepRequest } from '../messages.ts';
import { met, unmet } from './condition.ts';
import type { MigrationRun } from './run.ts';

/** What lets a message in, whatever the stores say: the phase, a pause, another change. */

export function stepConditions(run: MigrationRun, step: Preview['step'], percent?: number): Condition[] {
  const raises = step !== 'reads' || percent === undefined || percent > run.state.readPercent;
  return [idle(run), ...(raises ? [resumed(run)] : []), inPhase(run.state.phase, step)];
}

/** Throws what the first of them refuses with, and what is wrong with the request itself. */
export function assertStep(run: MigrationRun, step: Preview['step'], request: StepRequest = {}): void {
  assertRequest(request);
  assertConditions(stepConditions(run, step));
}

export function assertConditions(conditions: readonly Condition[]): void {
  const refusing = conditions.find(({ met }) => !met);
  if (!refusing) return;
  const { name, measured, remedy } = refusing;
  throw failure('GateRefused', remedy ?? name, { gate: name, measured, remedy: remedy ?? name });
}

export function idle({ busy }: MigrationRun): Condition {
  const described = { measured: { busy }, wanted: 'no other change is in progress' };
  if (busy === null) return met('busy', described);
  return unmet('busy', { ...described, remedy: `${busy} is in progress; try again when it is over` });
}

export function resumed({ state: { paused, pausedBy } }: MigrationRun): Condition {
  const described = { measured: { paused }, wanted: 'the migration is not paused' };
  if (!paused) return met('paused', described);
  const by = pausedBy?.by ? ` (by ${pausedBy.by}${pausedBy.reason ? `: ${pausedBy.reason}` : ''})` : '';
  return unmet('paused', { ...described, remedy: `the migration is paused${by}; resume it first` });
}

function inPhase(phase: Phase, step: Preview['step']): Condition {
  const measured = { phase };
  switch (step) {
    case 'advance': {
      const wanted = 'another phase follows';
      if (phase === 'modern-only') {
        const remedy = 'the next phase retires the legacy tables; lockstep decommission does that';
        return unmet('decommission', { measured, wanted, remedy });
      }
      if (phaseAfter(phase) !== null) return met('end', { measured, wanted });
      return unmet('end', { measured, wanted, remedy: `${phase} is the last phase` });
    }
    case 'rollback': {
      const wanted = 'legacy receives every write';
      if (phaseBefore(phase) !== null) return met('rollback', { measured, wanted });
      const why =
        phase === 'legacy-only'
          ? 'it is the first phase'
          : 'legacy no longer receives writes; start a migration in the other direction instead';
      return unmet('rollback', { measured, wanted, remedy: `cannot roll back from ${phase}: ${why}` });
    }
    case 'decommission': {
      const wanted = 'modern stands alone';
      if (phase === 'modern-only') return met('decommission', { measured, wanted });
      const remedy = `legacy is decommissioned in modern-only; the phase is ${phase}`;
      return unmet('decommission', { measured, wanted, remedy });
    }
    case 'reads': {
      const wanted = 'reads are shared';
      if (phase === 'switch-reads') return met('reads', { measured, wanted });
      const remedy = `reads are shared only in switch-reads; the phase is ${phase}`;
      return unmet('reads', { measured, wanted, remedy });
    }
  }
}

function assertRequest({ force, reason, notBefore, notAfter }: StepRequest): void {
  if (force && !reason?.trim())
    throw failure('InvalidInput', 'a step that is forced needs a reason, which is kept', { path: 'reason' });
  for (const time of [notBefore, notAfter]) if (time !== null && time !== undefined) assertTime(time);
  if (!notAfter) return;
  const end = Date.parse(notAfter);
  if (end <= Date.now())
    throw failure('InvalidInput', `the time in which the step may be taken was over at ${notAfter}`, {
      path: 'notAfter',
    });
  if (notBefore && end <= Date.parse(notBefore))
    throw failure('InvalidInput', `${notAfter} is not after ${notBefore}`, { path: 'notAfter' });
}

export function assertTime(time: string): void {
  if (instantOf(time) !== null) return;
  throw failure('InvalidInput', `what was sent is no ISO time with its offset, such as ${instantExample}`, {
    path: 'time',
  });
}
