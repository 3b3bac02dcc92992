import { log } from '@temporalio/workflow';
import { unbounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import type { MigrationRun } from './run.ts';

const dropAgainMs = 3_600_000;

/** Renames the legacy tables. They are dropped later, where the policy says so. */
export async function renameLegacyTables(run: MigrationRun): Promise<void> {
  await unbounded.renameLegacyTables();
  const { dropLegacyAfterMs } = run.input.policy;
  if (dropLegacyAfterMs !== null) run.update({ dropAt: inMs(dropLegacyAfterMs) });
}

/** What cannot be dropped (another table may refer to it) stays, and is tried again later. */
export async function dropLegacy(run: MigrationRun): Promise<void> {
  try {
    await unbounded.dropLegacy();
    run.update({ dropAt: null });
  } catch (error) {
    const reason = messageOf(error);
    run.update({ lastFailure: `drop legacy: ${reason}`, dropAt: inMs(dropAgainMs) });
    log.error('the renamed tables were not dropped', { reason });
  }
}

function inMs(milliseconds: number): string {
  return new Date(Date.now() + milliseconds).toISOString();
}
