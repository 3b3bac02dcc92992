import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import type { ReconcileOptions } from '../../client/operator/reconciliation.ts';
import { HybridClock } from '../../model/version.ts';
import { account, newAccount } from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, storedIn, tableOf, versionsOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'validate');
  await at.lockstep.reconciliation.run({ repair: true });
});
afterAll(() => at?.[Symbol.asyncDispose]());

const accounts = () => at.lockstep.repository(account);
const reconcile = (options: ReconcileOptions = {}) => at.lockstep.reconciliation.run(options);
const clock = new HybridClock();
const seeEachOther = () => exchangeMarks({ ...at, clock });
const faults = async () => await at.lockstep.control.faults(await at.lockstep.control.status());

async function found() {
  const known = await at.lockstep.reconciliation.differences(100);
  return new Map(known.map(({ key, verdict }) => [Number(key[0]), verdict]));
}

/** Three records; the result puts the store back to before the first was changed, the second deleted, a fourth created. */
async function writesAfterCopyOf(store: 'legacy' | 'modern') {
  const changed = newAccount();
  const deleted = newAccount();
  const same = newAccount();
  for (const value of [changed, deleted, same]) await accounts().create(value, { ack: 'both' });
  await seeEachOther();
  const restore = await copyOfStore(at, store, ['accounts']);
  const created = newAccount();
  await accounts().update(changed.id, { owner: 'acknowledged' }, { ack: 'both' });
  await accounts().delete(deleted.id, { ack: 'both' });
  await accounts().create(created, { ack: 'both' });
  const gone = newAccount();
  await accounts().create(gone, { ack: 'both' });
  await accounts().delete(gone.id, { ack: 'both' });
  await drained(at);
  return { restore, changed, deleted, created, gone, same };
}

test('a restored primary is told at once, and nothing newer is overwritten without the word of a person', async () => {
  const { restore, changed, deleted, created, gone, same } = await writesAfterCopyOf('legacy');
  await seeEachOther();
  expect(await faults()).toMatchObject({ setBack: [], differences: 0 });
  const before = await tableOf(at, 'modern', 'accounts');
  const versions = await versionsOf(at, account, changed.id);
  await restore();
  expect((await faults()).setBack).toEqual([
    expect.stringMatching(/the legacy store was set back: it is as of/),
  ]);
  // It does not catch up by itself.
  await seeEachOther();
  expect((await faults()).setBack).toHaveLength(1);
  await expect(at.lockstep.control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { measured: { setBack: 'legacy' } },
  });

  expect(await reconcile()).toMatchObject({ found: 4, ahead: 4, repaired: 0 });
  expect(await found()).toEqual(
    new Map([changed, deleted, created, gone].map(({ id }) => [id, 'ahead'] as const)),
  );
  await expect(reconcile({ repair: true })).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'set-back' },
  });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(before);

  expect(await reconcile({ repair: true, from: 'modern' })).toMatchObject({
    found: 4,
    repaired: 4,
    ahead: 0,
  });
  expect(await tableOf(at, 'legacy', 'accounts')).toEqual(before);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(before);
  expect(await versionsOf(at, account, changed.id)).toEqual(versions);
  for (const { id } of [deleted, gone])
    expect(await storedIn(at, 'legacy', account, id)).toMatchObject({ deleted: true, image: null });
  expect(await reconcile()).toMatchObject({ found: 0 });
  expect(await faults()).toMatchObject({ setBack: [], differences: 0 });
  expect(await storedIn(at, 'legacy', account, same.id)).toMatchObject({ deleted: false });
});

test('a primary set back by so little that no mark tells it keeps its newer rows elsewhere, too', async () => {
  const { restore, changed } = await writesAfterCopyOf('legacy');
  await restore();
  expect((await faults()).setBack).toEqual([]);
  const before = await tableOf(at, 'modern', 'accounts');
  expect(await reconcile({ repair: true })).toMatchObject({ found: 4, repaired: 0, ahead: 4 });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(before);
  // A person may also decide for the primary.
  expect(await reconcile({ repair: true, from: 'legacy' })).toMatchObject({ repaired: 4 });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  const [primary, secondary] = await versionsOf(at, account, changed.id);
  expect(primary).toBe(secondary);
});

test('a restored secondary is told at once, and gets its rows and tombstones back', async () => {
  const { restore, changed, deleted, created, gone } = await writesAfterCopyOf('modern');
  await seeEachOther();
  const before = await tableOf(at, 'legacy', 'accounts');
  await restore();
  expect((await faults()).setBack).toEqual([expect.stringContaining('the modern store was set back')]);
  expect(await reconcile()).toMatchObject({ found: 4, ahead: 0 });
  expect(await found()).toEqual(
    new Map<number, string>([
      [changed.id, 'stale'],
      [deleted.id, 'extra'],
      [created.id, 'missing'],
      [gone.id, 'stale'],
    ]),
  );
  expect(await reconcile({ repair: true })).toMatchObject({ found: 4, repaired: 4 });
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(before);
  expect(await storedIn(at, 'modern', account, gone.id)).toMatchObject({ deleted: true });
  expect((await faults()).setBack).toEqual([]);
});

test('what nobody wrote through Lockstep comes back to a primary that lost it', async () => {
  await at.sql.legacy(`INSERT INTO accounts VALUES (501, 'copied', NULL, 5.00)`);
  await at.sql.modern(`INSERT INTO accounts VALUES (501, 'copied', NULL, 5.00)`);
  await at.sql.legacy('DELETE FROM accounts WHERE id = 501');
  expect(await reconcile({ repair: true, from: 'modern' })).toMatchObject({ found: 1, repaired: 1 });
  expect(await tableOf(at, 'legacy', 'accounts')).toContainEqual(
    expect.objectContaining({ id: expect.anything(), owner: 'copied' }),
  );
  expect(await reconcile()).toMatchObject({ found: 0 });
});
