import { log } from '@temporalio/workflow';
import { bounded, unbounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import type { MigrationRun } from './run.ts';

const dropAgainMs = 3_600_000;
const renameLimitMs = 15_000;
const renameAgainMs = 30_000;

/**
 * Renames the legacy tables. They are dropped later, where the policy says so. Legacy may be gone for good: nobody waits for it,
 * and it is tried again later.
 */
export async function renameLegacyTables(run: MigrationRun): Promise<void> {
  const { entities, policy } = run.input;
  try {
    await bounded(renameLimitMs).renameLegacyTables({ entities });
  } catch (error) {
    const reason = messageOf(error);
    run.update({ lastFailure: `rename legacy: ${reason}`, renameAt: inMs(renameAgainMs) });
    log.error('the legacy tables were not renamed', { reason });
    return;
  }
  const { dropLegacyAfterMs } = policy;
  run.update({ renameAt: null, dropAt: dropLegacyAfterMs === null ? null : inMs(dropLegacyAfterMs) });
}

/** What cannot be dropped (another table may refer to it) stays, and is tried again later. */
export async function dropLegacy(run: MigrationRun): Promise<void> {
  try {
    await unbounded.dropLegacy({ entities: run.input.entities });
    run.update({ dropAt: null });
  } catch (error) {
    const reason = messageOf(error);
    run.update({ lastFailure: `drop legacy: ${reason}`, dropAt: inMs(dropAgainMs) });
    log.error('the renamed tables were not dropped', { reason });
  }
}

/** The tables get the names back that they had. Throws `GateRefused` where one is dropped already, or its name is taken. */
export async function restoreLegacyTables(run: MigrationRun): Promise<void> {
  await bounded(renameLimitMs).restoreLegacyTables({ entities: run.input.entities });
  run.update({ renameAt: null, dropAt: null });
}

function inMs(milliseconds: number): string {
  return new Date(Date.now() + milliseconds).toISOString();
}
