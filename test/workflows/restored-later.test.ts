import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import type { ReconcileOptions } from '../../client/operator/reconciliation.ts';
import { HybridClock } from '../../model/version.ts';
import { account, newAccount, twin } from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, tableOf, versionsOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const seeEachOther = () => exchangeMarks({ ...at, clock: new HybridClock() });
const reconcile = (options: ReconcileOptions = {}) => at.lockstep.reconciliation.run(options);
const setBack = async () =>
  (await at.lockstep.control.faults(await at.lockstep.control.status())).setBack.length;

test('no gate opens over a store that was set back, that of the backfill neither', async () => {
  await bringTo(at.lockstep, 'dual-write');
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await seeEachOther();
  await restore();
  await expect(at.lockstep.control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'backfill', measured: { setBack: 'legacy' } },
  });
  await reconcile({ repair: true, from: 'modern' });
  expect(await setBack()).toBe(0);
});

test('a repeat of a parallel write leaves what came since, at a secondary that has lost its id', async () => {
  await bringTo(at.lockstep, 'validate');
  const twins = at.lockstep.repository(twin);
  const value = newAccount();
  await twins.create(value, { ack: 'both' });
  await seeEachOther();
  const restore = await copyOfStore(at, 'modern', ['twins']);
  const { operationId, version } = await twins.replace({ ...value, owner: 'first' }, { ack: 'both' });
  await twins.replace({ ...value, owner: 'second' }, { ack: 'both' });
  await seeEachOther();
  await restore();
  await reconcile({ repair: true });

  const again = await twins.replace({ ...value, owner: 'first' }, { operationId, ack: 'both' });
  expect(again.version).toBe(version);
  await drained(at);
  expect((await rowsOf(at, 'twins', value.id)).map((row) => row?.owner)).toEqual(['second', 'second']);
  const [legacy, modern] = await versionsOf(at, twin, value.id);
  expect(legacy).toBe(modern);
  expect(await reconcile()).toMatchObject({ found: 0 });
});

test('the primary does not change to a store that was set back', async () => {
  await bringTo(at.lockstep, 'switch-primary');
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await seeEachOther();
  await restore();
  await expect(at.lockstep.control.send('rollback')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { measured: { setBack: 'legacy' } },
  });
  expect(await at.lockstep.control.status()).toMatchObject({ phase: 'switch-primary', primary: 'modern' });
  await reconcile({ repair: true });
  expect(await setBack()).toBe(0);
});

test('a rollback leads away from a primary that was set back', async () => {
  await bringTo(at.lockstep, 'switch-primary');
  const restore = await copyOfStore(at, 'modern', ['accounts']);
  await seeEachOther();
  await restore();
  expect(await at.lockstep.control.send('rollback')).toMatchObject({
    phase: 'switch-reads',
    primary: 'legacy',
  });
  await reconcile({ repair: true });
  expect(await setBack()).toBe(0);
});

test('modern alone is told by what legacy has seen, and takes back what legacy still has', async () => {
  await using alone = await runningMigration('switch-primary');
  const { control, reconciliation } = alone.lockstep;
  const accounts = alone.lockstep.repository(account);
  const value = newAccount({ owner: 'first' });
  await accounts.create(value, { ack: 'both' });
  const restore = await copyOfStore(alone, 'modern', ['accounts']);
  const { version } = await accounts.update(value.id, { owner: 'acknowledged' }, { ack: 'both' });
  await drained(alone);
  await exchangeMarks({ ...alone, clock: new HybridClock() });
  await control.send('advance');
  await restore();

  expect((await control.faults(await control.status())).setBack).toEqual([
    expect.stringContaining('the modern store was set back'),
  ]);
  await expect(control.send('decommission')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { measured: { setBack: 'modern' } },
  });
  expect(await reconciliation.run({ repair: true })).toMatchObject({
    skipped: expect.stringContaining('modern-only'),
  });
  expect(await reconciliation.run({ repair: true, from: 'legacy' })).toMatchObject({ repaired: 1, ahead: 0 });
  expect(await tableOf(alone, 'modern', 'accounts')).toEqual(await tableOf(alone, 'legacy', 'accounts'));
  expect(await versionsOf(alone, account, value.id)).toEqual([version, version]);
  expect((await control.faults(await control.status())).setBack).toEqual([]);
  // It has its route again.
  await accounts.update(value.id, { owner: 'later' });
});
