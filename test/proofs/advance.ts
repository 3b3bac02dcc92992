import type { MigrationControl } from '../../client/migration-control.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Phase } from '../../model/phase.ts';

const patienceMs = 60_000;

/** Takes a migration forward to a phase, as an operator would. */
export async function advanceTo(control: MigrationControl, phase: Phase): Promise<void> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const status = await control.status();
    if (status.phase === phase) return;
    if (status.phase === 'switch-reads' && status.readPercent < 100) await control.setReadPercent(100);
    try {
      await control.send('advance');
    } catch (error) {
      // Gates wait for the backfill and for the validation.
      if (!(error instanceof LockstepError) || error.code !== 'GateRefused' || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}
