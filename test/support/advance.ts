import type { Operator } from '../../client/operator/operate.ts';
import { type Phase, phases } from '../../model/phase.ts';
import type { MigrationStatus } from '../../workflows/messages.ts';
import { until } from './until.ts';

/** Takes a migration forward to a phase through every gate on the way, as an operator would. */
export async function advanceTo(
  { control }: Pick<Operator, 'control'>,
  phase: Phase,
): Promise<MigrationStatus> {
  for (;;) {
    const status = await control.status();
    if (phases.indexOf(status.phase) >= phases.indexOf(phase)) return status;
    await untilIdle(control);
    if (status.phase === 'dual-write') await control.setWritePercent(100);
    if (status.phase === 'switch-reads') await control.setReadPercent(100);
    if (needsEvidence(status)) await validate(control);
    await control.send(status.phase === 'modern-only' ? 'decommission' : 'advance');
  }
}

/**
 * Takes a migration forward or back to a phase, whatever another test has left of it, with the evidence that the next gate asks
 * for; on the way, modern is made equal to legacy.
 * Its legacy store must still be in use.
 */
export async function bringTo(
  operator: Pick<Operator, 'control' | 'reconciliation'>,
  phase: Phase,
): Promise<MigrationStatus> {
  const { control } = operator;
  if ((await control.status()).paused) await control.send('resume');
  await control.setRate(null);
  for (;;) {
    await untilIdle(control);
    const status = await control.status();
    if (phases.indexOf(status.phase) <= phases.indexOf(phase)) break;
    await control.send('rollback');
  }
  if (phases.indexOf(phase) > phases.indexOf('validate')) {
    const { phase: now } = await advanceTo(operator, 'validate');
    await untilIdle(control);
    if (now !== phase) await operator.reconciliation.run({ repair: true, from: 'legacy' });
  }
  const reached = await advanceTo(operator, phase);
  await untilIdle(control);
  return needsEvidence(reached) ? await validate(control) : reached;
}

/** A rollback voids it. */
function needsEvidence({ phase, evidence }: MigrationStatus): boolean {
  return evidence === null && ['validate', 'switch-reads', 'switch-primary'].includes(phase);
}

/** Compares every key, and waits for the evidence. */
export async function validate(control: Operator['control']): Promise<MigrationStatus> {
  await control.startValidation({ sample: null, seed: 1 });
  return await until('the validation is over', async () => {
    const status = await control.status();
    return !status.validating && status;
  });
}

/** What a signal, a plan or a ramp has begun refuses what an operator asks for meanwhile. */
async function untilIdle(control: Operator['control']): Promise<void> {
  await until('no change, no backfill and no validation is under way', async () => {
    const { busy, backfill, validating } = await control.status();
    return busy === null && !backfill?.running && !validating;
  });
}
