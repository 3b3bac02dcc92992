import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import { connect } from '../../client/service/connect.ts';
import { defineMigration } from '../../model/migration.ts';
import { HybridClock } from '../../model/version.ts';
import { type Account, account, newAccount } from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained } from '../support/inspect.ts';
import { quick } from '../support/policy.ts';

const setBack = { code: 'StoreUnavailable', message: expect.stringContaining('set back') };

let at: RunningMigration;
let value: Account;
beforeAll(async () => {
  at = await runningMigration('switch-reads');
});
/** The copy of each store has the account's first owner; the last one is `later`. */
beforeEach(async () => {
  for (const store of ['legacy', 'modern'] as const) {
    const prefix = at.stores[store].engine === 'postgresql' ? 'lockstep.' : 'lockstep_';
    await at.sql[store](`DELETE FROM ${prefix}sightings`);
  }
  await bringTo(at.lockstep, 'switch-reads');
  await at.lockstep.control.setReadPercent(0);
  value = newAccount({ owner: 'first' });
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  await drained(at);
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** As another process of a service has it: what this one remembers is kept by definition. */
function connectAnew() {
  const { name, entities } = at.migration;
  const migration = defineMigration({ name, entities, deadline: '2100-01-01T00:00:00Z', ...quick() });
  return connect(migration, { environment: at.environment, temporal: at.temporal });
}

test('a service that runs gives no rows of a primary that was set back while the other store is away', async () => {
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await at.lockstep.repository(account).update(value.id, { owner: 'later' }, { ack: 'both' });
  await exchangeMarks({ ...at, clock: new HybridClock() });
  await using service = await connectAnew();
  const accounts = service.repository(account);
  expect((await accounts.get(value.id))?.value.owner).toBe('later');
  await restore();
  // As a server does that is stopped, put back and started.
  for (const store of ['legacy', 'modern'] as const) await at.proxies[store].cut();
  await at.proxies.legacy.restore();
  await expect(accounts.get(value.id)).rejects.toMatchObject({ code: 'StoreUnavailable' });
  await expect(accounts.get(value.id)).rejects.toMatchObject(setBack);
  // Nor does it give them where the other store can be asked.
  await at.proxies.modern.restore();
  await using another = await connectAnew();
  await expect(another.repository(account).get(value.id)).rejects.toMatchObject({
    ...setBack,
    details: { store: 'legacy', remedy: expect.stringContaining('--from') },
  });
  await at.lockstep.reconciliation.run({ repair: true, from: 'modern' });
  await using later = await connectAnew();
  expect((await later.repository(account).get(value.id))?.value.owner).toBe('later');
});

test('reads of a secondary that was set back are answered by the primary', async () => {
  const restore = await copyOfStore(at, 'modern', ['accounts']);
  await at.lockstep.repository(account).update(value.id, { owner: 'later' }, { ack: 'both' });
  await at.lockstep.control.setReadPercent(100);
  await drained(at);
  await exchangeMarks({ ...at, clock: new HybridClock() });
  await restore();
  await using service = await connectAnew();
  expect((await service.repository(account).get(value.id))?.value.owner).toBe('later');
  expect(service.reads.counts()).toMatchObject({ legacy: 1, fellBack: 1 });
  await at.lockstep.reconciliation.run({ repair: true });
});

test('a service that starts beside a store which still takes itself for the primary reads nothing from it', async () => {
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await bringTo(at.lockstep, 'switch-primary');
  await at.lockstep.repository(account).update(value.id, { owner: 'later' }, { ack: 'both' });
  await exchangeMarks({ ...at, clock: new HybridClock() });
  await restore();
  await at.proxies.modern.cut();
  const reading = async () => {
    await using service = await connectAnew();
    return await service.repository(account).get(value.id);
  };
  await expect(reading()).rejects.toMatchObject({ code: 'StoreUnavailable' });
  await at.proxies.modern.restore();
  await at.lockstep.reconciliation.run({ repair: true });
});
