import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { decidingStore } from '../databases/state.ts';
import type { StoreName } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { otherStore } from '../model/phase.ts';
import { searchAttributes, sweepWorkflowId } from '../workflows/messages.ts';
import { withStores } from './with-stores.ts';

/** How long a write around Lockstep may lie in the primary before it is taken up. */
const sweepEveryMs = 10_000;
/** A run that finds no worker is given up, so that the next one is not kept from starting. */
const runTimeout = '15 minutes';

/** The statements that turn capture on at the store that decides, or off at both. */
export function planCapture(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  on: boolean,
): Promise<Readonly<Record<StoreName, readonly string[]>>> {
  return withStores(migration, environment, async (stores) => {
    const primary = await decidingStore({ migration, stores });
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

/** Safe to repeat. After a change of primary it is repeated, so that the triggers move to the store that decides now. */
export async function setCapture(
  client: Client,
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  on: boolean,
): Promise<void> {
  await withStores(migration, environment, async (stores) => {
    const primary = await decidingStore({ migration, stores });
    for (const entity of migration.entities) {
      await stores[otherStore(primary)].capture(entity, false);
      await stores[primary].capture(entity, on);
    }
  });
  if (on) await schedule(client, migration);
  else await unschedule(client, migration);
}

async function schedule(client: Client, { name, taskQueue }: Migration): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: sweepWorkflowId(name),
      spec: { intervals: [{ every: sweepEveryMs }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      action: {
        type: 'startWorkflow',
        workflowType: 'sweep',
        workflowId: sweepWorkflowId(name),
        taskQueue,
        workflowExecutionTimeout: runTimeout,
        typedSearchAttributes: new TypedSearchAttributes([
          { key: defineSearchAttributeKey(searchAttributes.migration, 'KEYWORD'), value: name },
        ]),
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

async function unschedule(client: Client, { name }: Migration): Promise<void> {
  try {
    await client.schedule.getHandle(sweepWorkflowId(name)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
