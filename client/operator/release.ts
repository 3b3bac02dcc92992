import type { Client } from '@temporalio/client';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { newestState } from '../../model/phase.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { setCapture } from './capture.ts';
import { removeSchedules } from './schedules.ts';
import { withStores } from './with-stores.ts';

/** Above all that a lost workflow may still send. */
const changesAhead = 10;
const epochsAhead = 2;

/**
 * Gives up a migration that is in `legacy-only`, or was never started: its workflow and schedules end, its services and workers
 * write nothing more, and another migration may have its tables. `prepare` and `start` take it up again. Safe to repeat.
 *
 * @throws LockstepError `GateRefused` in any other phase
 */
export async function releaseTables(
  client: Client,
  migration: Migration,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const { name } = migration;
  await withStores(migration, environment, async ({ legacy, modern }) => {
    const known = async () => newestState(await legacy.readState(name), await modern.readState(name));
    assertReleasable(name, await known());
    await client.workflow
      .getHandle(migrationWorkflowId(name))
      .terminate('the migration was given up')
      .catch(() => undefined);
    await removeSchedules(client, name);
    const state = await known();
    assertReleasable(name, state);
    if (state) {
      const closed = {
        ...state,
        open: false,
        epoch: state.epoch + epochsAhead,
        changeNumber: state.changeNumber + changesAhead,
      };
      // The primary first: from then on no service writes under this migration.
      await legacy.writeState(closed);
      await modern.writeState(closed);
    }
  });
  await setCapture(client, migration, environment, false);
  await withStores(migration, environment, async (stores) => {
    for (const store of [stores.legacy, stores.modern]) await store.forgetDefinition();
  });
}

function assertReleasable(name: string, state: ReturnType<typeof newestState>): void {
  if (state === null || state.phase === 'legacy-only') return;
  throw new LockstepError(
    'GateRefused',
    `the tables of ${name} can be given up in legacy-only, and it is in ${state.phase}; roll it back first`,
    { gate: 'release', measured: { phase: state.phase } },
  );
}
