import type { Client } from '@temporalio/client';
import { primaryStore } from '../../databases/contract/current-state.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { otherStore } from '../../model/phase.ts';
import { replicateCapturedWorkflowId } from '../../workflows/messages.ts';
import { removeSchedule, roundsEvery, runTimeout, setSchedule } from './schedules.ts';
import { withStores } from './with-stores.ts';

/** How often writes made outside Lockstep are replicated. */
const replicateEveryMs = 10_000;

/** The statements that turn capture on at the primary, or off at both. */
export function planCapture(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  on: boolean,
): Promise<Readonly<Record<StoreName, readonly string[]>>> {
  return withStores(migration, environment, async (stores) => {
    const primary = await primaryStore({ migration, stores });
    const statements = async (store: StoreName) => {
      const wanted = on && store === primary;
      const lists = await Promise.all(
        migration.entities.map((entity) => stores[store].captureStatements(entity, wanted)),
      );
      return lists.flat();
    };
    return { legacy: await statements('legacy'), modern: await statements('modern') };
  });
}

/** Safe to repeat. After a change of primary it is repeated, so that the triggers move to the new primary. */
export async function setCapture(
  client: Client,
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  on: boolean,
): Promise<void> {
  await withStores(migration, environment, async (stores) => {
    const primary = await primaryStore({ migration, stores });
    for (const entity of migration.entities) {
      await stores[otherStore(primary)].capture(entity, false);
      await stores[primary].capture(entity, on);
    }
  });
  if (on) await scheduleReplication(client, migration);
  else await removeSchedule(client, replicateCapturedWorkflowId(migration.name));
}

/** Replicates what triggers have noted, now and from now on. */
export async function scheduleReplication(client: Client, migration: Migration): Promise<void> {
  await setSchedule(client, migration, {
    id: replicateCapturedWorkflowId(migration.name),
    everyMs: replicateEveryMs,
    workflowType: 'replicateCaptured',
    staticSummary: `replicate what others have written in ${migration.name}`,
    workflowExecutionTimeout: runTimeout,
    args: [roundsEvery(replicateEveryMs)],
  });
}
