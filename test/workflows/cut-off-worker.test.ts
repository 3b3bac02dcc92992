import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createFaultActivities } from '../../activities/migration/measure-faults.ts';
import { createReadActivities } from '../../activities/migration/measure-reads.ts';
import type { Needs } from '../../activities/migration/needed.ts';
import { openStores } from '../../databases/open.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Phase } from '../../model/phase.ts';
import { type RunningWorker, runWorker } from '../../workers/worker.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { bringTo, connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { drained } from '../support/inspect.ts';
import { type Proxy as Between, proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

/** Has workflows in its cache, and loses its stores; everybody else keeps theirs. */
let worker: RunningWorker;
const others: RunningWorker[] = [];
let at: Fixture;
let lockstep: Connected;
let ways: Record<StoreName, Between>;
const away = new Set<unknown>();

beforeAll(async () => {
  at = await fixture();
  const { legacy: fromLegacy, modern: fromModern } = at.migration.stores;
  const [legacyUrl, modernUrl] = [at.environment[fromLegacy.urlFrom], at.environment[fromModern.urlFrom]];
  ways = { legacy: await proxy(legacyUrl ?? ''), modern: await proxy(modernUrl ?? '') };
  worker = await runWorker({
    migration: at.migration,
    environment: behind(),
    log: (message, { store }) => {
      if (message === 'a store does not answer this worker') away.add(store);
      if (message === 'a store answers this worker again') away.delete(store);
    },
  });
  lockstep = await connectAndStart(at);
});
beforeEach(async () => {
  await bringTo(lockstep, 'switch-reads');
  await lockstep.control.setReadPercent(100);
  await drained(at);
});
afterEach(async () => {
  for (const store of ['legacy', 'modern'] as const) await ways[store].restore();
  await until('its stores are back', async () => away.size === 0);
  await drained(at);
  for (const other of others.splice(0)) await other.shutdown();
});
afterAll(async () => {
  await worker?.shutdown();
  for (const store of ['legacy', 'modern'] as const) await ways?.[store].close();
  await at?.[Symbol.asyncDispose]();
});

function behind(): NodeJS.ProcessEnv {
  const { legacy, modern } = at.migration.stores;
  return { ...at.environment, [legacy.urlFrom]: ways.legacy.url, [modern.urlFrom]: ways.modern.url };
}

/** A worker that is well. */
async function another(): Promise<void> {
  others.push(await at.work());
}

/** On a busy machine a look may take longer than it may; then the step is asked for again. */
async function change(step: 'advance' | 'rollback', phase: Phase): Promise<void> {
  await until(`the ${step} goes through`, async () => {
    const status = await lockstep.control.status();
    if (status.phase === phase) return true;
    if (status.busy === null) await lockstep.control.send(step).catch(() => null);
    return false;
  });
}

/** Of the workflow of a write, or of the group that it is in. */
async function owedBy(operationId: string) {
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  return (await handle.describe()).raw.pendingActivities ?? [];
}

test.each(['cut', 'hang'] as const)(
  'the primary changes to and fro though the worker that leads the migration has lost its stores by a %s',
  async (how) => {
    await another();
    for (const store of ['legacy', 'modern'] as const) await ways[store][how]();
    await change('advance', 'switch-primary');
    await lockstep.repository(account).create(newAccount());
    await change('rollback', 'switch-reads');
    await lockstep.repository(account).create(newAccount());
  },
);

test('a worker without the secondary takes nothing that is owed, and another one does it at once', async () => {
  await ways.modern.cut();
  await until('it knows', async () => away.has('modern'));
  // Polls that were under way before may still bring it something.
  const accounts = lockstep.repository(account);
  for (let polls = 0; polls < 5; polls++) await accounts.create(newAccount());
  const operationId = `owed-${newAccount().id}`;
  await accounts.create(newAccount(), { operationId });
  for (let later = 0; later < 3; later++) await accounts.create(newAccount());
  const [owed] = await owedBy(operationId);
  expect(owed).toMatchObject({ attempt: 1, lastFailure: null });
  await another();
  await drained(at);
});

test('what is cut off measures nothing of a store that it needs', async () => {
  const stores = openStores(at.migration, behind());
  const context = { migration: at.migration, stores };
  const { measureFaults } = createFaultActivities(context);
  const { measureReads } = createReadActivities(context);
  const both: Needs = { needs: ['legacy', 'modern'] };
  const one: Needs = { needs: ['legacy'] };
  const here = new MockActivityEnvironment();
  try {
    expect(await here.run(measureFaults, both)).toMatchObject({ differences: 0 });
    await ways.modern.cut();
    for (const measure of [
      () => here.run(measureFaults, both),
      () => here.run(measureReads, { ...both, since: 0 }),
    ])
      await expect(measure()).rejects.toMatchObject({
        code: 'StoreUnavailable',
        details: { store: 'modern' },
      });
    expect(await here.run(measureFaults, one)).toMatchObject({ differences: 0 });
  } finally {
    await stores.legacy.close();
    await stores.modern.close();
  }
});

test('a worker that has lost both stores answers operators, and pauses', async () => {
  for (const store of ['legacy', 'modern'] as const) await ways[store].hang();
  await until('it knows', async () => away.size === 2);
  expect(await lockstep.control.send('pause')).toMatchObject({ paused: true });
  await expect(lockstep.control.send('advance')).rejects.toMatchObject({ code: 'GateRefused' });
  expect(await lockstep.control.send('resume')).toMatchObject({ paused: false });
  await expect(lockstep.control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { measured: { reachable: false } },
  });
});
