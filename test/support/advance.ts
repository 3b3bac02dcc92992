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
    await until('the backfill is over', async () => !(await control.status()).backfill?.running);
    await until('the validation is over', async () => !(await control.status()).validating);
    if (status.phase === 'switch-reads') await control.setReadPercent(100);
    await control.send('advance');
  }
}
