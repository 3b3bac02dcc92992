import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { createDataConverter } from '../../client/temporal/encryption.ts';
import { KeyPatience } from '../../client/temporal/key-patience.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { type RawPayload, updateRaw } from '../../proofs/hostile/raw-payloads.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { type RunningWorker, runWorker } from '../../workers/worker.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { type Fixture, fixture } from '../support/harness.ts';
import { until } from '../support/until.ts';

const newKey = () => randomBytes(32).toString('base64');
const [own, other] = [newKey(), newKey()];

let at: Fixture;
let temporal: Client;
let stranger: Client;
let lockstep: Connected;
const workers: RunningWorker[] = [];
const logged: string[] = [];

const withKeys = (...keys: string[]) => ({ ...at.environment, LOCKSTEP_ENCRYPTION_KEY: keys.join(',') });

async function startWorker(...keys: string[]): Promise<RunningWorker> {
  const worker = await runWorker({
    migration: at.migration,
    environment: withKeys(...keys),
    log: (message) => void logged.push(message),
    keyPatienceMs: 0,
  });
  workers.push(worker);
  return worker;
}

beforeEach(async () => {
  at = await fixture({ entities: [account] });
  temporal = await connectTemporal(withKeys(own));
  stranger = await connectTemporal(withKeys(other));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.shutdown()));
  logged.length = 0;
  await temporal?.connection.close();
  await stranger?.connection.close();
  await at?.[Symbol.asyncDispose]();
});

const workflowId = () => migrationWorkflowId(at.migration.name);
const rate = async () => (await lockstep.control.status()).rate;

async function historyOf(id: string) {
  return await at.temporal.workflow.getHandle(id).fetchHistory();
}

/** What a worker with these keys says to a history. */
async function replayed(id: string, ...keys: string[]): Promise<Error | undefined> {
  const patience = new KeyPatience(({ message }) => void logged.push(message), 0);
  const options = {
    workflowBundle: await workflowBundle({ encodesFailures: true }),
    dataConverter: createDataConverter(withKeys(...keys), 'worker', patience),
  };
  const histories = [{ workflowId: id, history: await historyOf(id) }];
  for await (const { error } of Worker.runReplayHistories(options, histories)) return error;
  throw new Error('nothing was replayed');
}

test('what is encrypted by a key that no worker has holds nothing up, and a worker that gets the key later does the same', async () => {
  const first = await startWorker(own);
  lockstep = await at.connect({ environment: withKeys(own), temporal });
  await lockstep.control.start();
  await lockstep.control.setRate(11);

  // A signal is dropped, an update refused, an input fails once.
  const forged = stranger.workflow.getHandle(workflowId());
  await forged.signal('setRate', 7);
  await until('the signal was dropped', async () =>
    (await historyOf(workflowId())).events?.some((event) => event.markerRecordedEventAttributes),
  );
  const target = { temporal: at.temporal, namespace: at.temporal.options.namespace };
  const [codec] = createDataConverter(withKeys(other)).payloadCodecs ?? [];
  const [seven] =
    (await codec?.encode([defaultPayloadConverter.toPayload(7)], {
      type: 'workflow',
      namespace: target.namespace,
      workflowId: workflowId(),
    })) ?? [];
  const { refused } = await updateRaw(target, workflowId(), 'setRate', seven as RawPayload);
  expect(refused).not.toBeNull();
  const started = await stranger.workflow.start('write', {
    workflowId: `unknown-key/${at.migration.name}`,
    taskQueue: at.migration.taskQueue,
    args: [{ operation: 7 }],
  });
  const refusal = await temporal.workflow
    .getHandle(started.workflowId)
    .result()
    .catch((error: unknown) => error);
  expect(failureIn(refusal)).toMatchObject({
    code: 'InvalidRequest',
    message: expect.stringMatching(/a key that its worker does not hold/),
  });
  expect(await rate()).toBe(11);

  await first.shutdown();
  await startWorker(own, other);
  // It reads the signal, and drops it all the same.
  expect(await rate()).toBe(11);
  await lockstep.control.setRate(12);
  expect(await replayed(workflowId(), own)).toBeUndefined();
  expect(await replayed(workflowId(), own, other)).toBeUndefined();
  expect(await replayed(started.workflowId, own, other)).toBeUndefined();
});

test.each(['a signal', 'an update'])(
  '%s that a worker has taken is for those alone that have its key',
  async (kind) => {
    await startWorker(own, other);
    lockstep = await at.connect({ environment: withKeys(own), temporal });
    await lockstep.control.start();
    const handle = stranger.workflow.getHandle(workflowId());
    if (kind === 'a signal') await handle.signal('setRate', 7);
    // What is answered with its own key, it cannot read.
    else await handle.executeUpdate('setRate', { args: [7] }).catch(() => undefined);
    await until('it was taken', async () => (await rate()) === 7);
    await lockstep.control.setRate(12);
    expect(await replayed(workflowId(), own, other)).toBeUndefined();
    expect((await replayed(workflowId(), own))?.message).toMatch(/task failure/);
    expect(logged).toContainEqual(
      expect.stringMatching(/was encrypted with key [0-9a-f]{8}, which .* does not hold/),
    );
  },
);
