import { expect, test } from 'vitest';
import { prepareStores } from '../../client/operator/prepare.ts';
import { type RunningWorker, runWorker } from '../../workers/worker.ts';
import { advanceTo, connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

const isReady = (worker: RunningWorker) =>
  until('the worker is ready', async () => (await worker.reasons()).length === 0);

test('a worker whose stores are not prepared is not ready, says what is missing, and is once they are', async () => {
  await using at = await fixture({ unprepared: true });
  const worker = await at.work();
  expect(await worker.reasons()).toEqual([
    expect.stringMatching(/^the legacy store .* is not prepared .*lockstep prepare/),
    expect.stringMatching(/^the modern store .* is not prepared .*lockstep prepare/),
  ]);
  await prepareStores(at.migration, at.environment);
  await isReady(worker);
});

test('a worker whose tables or routines are gone is not ready', async () => {
  await using at = await fixture();
  const worker = await at.work();
  await at.sql.legacy('RENAME TABLE accounts TO elsewhere');
  expect(await worker.reasons()).toEqual([
    expect.stringMatching(/^account\.legacy: there is no table "accounts"/),
  ]);
  await at.sql.legacy('RENAME TABLE elsewhere TO accounts');
  await isReady(worker);
});

test('where modern stands alone, a worker does not need legacy to be ready', async () => {
  await using at = await fixture({ phases: { soakMs: 0 } });
  const worker = await at.work();
  await advanceTo(await connectAndStart(at), 'modern-only');
  await at.proxies.legacy.cut();
  expect(await worker.reasons()).toEqual([]);
  await at.proxies.modern.cut();
  await until('modern is away', async () => (await worker.reasons()).length > 0);
  expect(await worker.reasons()).toContainEqual(expect.stringContaining('the modern store'));
});

test('a worker that Temporal does not answer is not ready', async () => {
  await using at = await fixture();
  await using between = await proxy(`http://${at.environment.TEMPORAL_ADDRESS}`);
  await using _ = { [Symbol.asyncDispose]: () => worker.shutdown() };
  const worker = await elsewhere(at, new URL(between.url).host);
  await isReady(worker);
  await between.cut();
  expect(await worker.reasons()).toEqual([expect.stringMatching(/^Temporal at .* does not answer/)]);
  await between.restore();
  await isReady(worker);
});

function elsewhere({ migration, environment }: Fixture, address: string): Promise<RunningWorker> {
  return runWorker({
    migration,
    environment: { ...environment, TEMPORAL_ADDRESS: address },
    log: () => undefined,
  });
}
