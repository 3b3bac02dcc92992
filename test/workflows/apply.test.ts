import { expect, test } from 'vitest';
import { prepareStores } from '../../client/operator/prepare.ts';
import { runWorker } from '../../workers/worker.ts';
import { account, twin } from '../support/accounts.ts';
import { connectBoth } from '../support/connect-both.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { addNote, noted, redefined } from '../support/noted.ts';
import { until } from '../support/until.ts';

const log = () => undefined;
const deadline = '2090-01-01T00:00:00.000Z';

/** An operator with another version of the configuration, whose worker takes the place of the older one. */
async function deployed(at: RunningMigration, given: Parameters<typeof redefined>[1]) {
  const migration = redefined(at.migration, given);
  await prepareStores(migration, at.environment);
  await at.worker.shutdown();
  const worker = await runWorker({ migration, environment: at.environment, log });
  const { control, close } = await connectBoth(migration, {
    environment: at.environment,
    temporal: at.temporal,
  });
  return {
    control,
    [Symbol.asyncDispose]: async () => {
      await close();
      await worker.shutdown();
    },
  };
}

test('a changed policy takes effect by apply, and is shown until then', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  await using after = await deployed(at, { deadline, phases: { soakMs: 7_000 } });
  const before = await after.control.status();
  expect(after.control.differences(before)).toEqual(
    expect.arrayContaining([
      { setting: 'deadline', running: '2100-01-01T00:00:00.000Z', configured: deadline },
      { setting: 'phases.soakMs', running: 0, configured: 7_000 },
    ]),
  );
  await expect(after.control.start()).rejects.toMatchObject({
    code: 'AlreadyRunning',
    message: expect.stringContaining('phases.soakMs: 0 → 7000'),
  });
  const status = await after.control.apply();
  expect(status).toMatchObject({ deadline, definition: { policy: { soakMs: 7_000 } } });
  expect(after.control.differences(status)).toEqual([]);
  for (const store of [at.stores.legacy, at.stores.modern])
    expect((await store.definition())?.policy).toMatchObject({ soakMs: 7_000 });
});

test('an entity that comes before the backfill is copied with the others, once it is applied', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  await at.sql.legacy(`INSERT INTO twins VALUES (1, 'old', NULL, 5.00)`);
  await using after = await deployed(at, { entities: [account, twin] });
  await expect(after.control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'definition' },
  });
  await after.control.apply();
  await after.control.send('advance');
  await until('the backfill is done', async () => (await after.control.status()).backfill?.done);
  expect(await at.sql.modern('SELECT owner FROM twins')).toEqual([{ owner: 'old' }]);
});

test('another definition of an entity voids the evidence', async () => {
  await using at = await runningMigration('validate', { entities: [account] });
  await until('there is evidence', async () => (await at.lockstep.control.status()).evidence);
  for (const sql of [at.sql.legacy, at.sql.modern]) await sql(addNote);
  await using after = await deployed(at, { entities: [noted] });
  await expect(after.control.send('advance')).rejects.toMatchObject({ details: { gate: 'definition' } });
  expect((await after.control.apply()).evidence).toBeNull();
  await expect(after.control.send('advance')).rejects.toMatchObject({
    details: { gate: 'switch-reads', measured: { evidence: null } },
  });
});
