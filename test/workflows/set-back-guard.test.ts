import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import type { Stores } from '../../databases/contract/store.ts';
import { SetBackGuard } from '../../databases/deciding/set-back-guard.ts';
import { openStores } from '../../databases/open.ts';
import { HybridClock } from '../../model/version.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
/** Behind proxies, so that connections can break while nobody uses them. */
let stores: Stores;
let putBack: () => Promise<void>;
beforeAll(async () => {
  at = await runningMigration('dual-write');
  stores = openStores(at.migration, at.environment);
});
beforeEach(async () => {
  // A store that was set back stays known as such.
  for (const store of ['legacy', 'modern'] as const) {
    const prefix = at.stores[store].engine === 'postgresql' ? 'lockstep.' : 'lockstep_';
    await at.sql[store](`DELETE FROM ${prefix}sightings`);
  }
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await exchangeMarks({ ...at, clock: new HybridClock() });
  putBack = restore;
});
afterEach(async () => {
  for (const store of ['legacy', 'modern'] as const) await at.proxies[store].restore();
});
afterAll(async () => {
  await stores?.legacy.close();
  await stores?.modern.close();
  await at?.[Symbol.asyncDispose]();
});

const taken = async () => 'taken';

/** As a server does that is stopped and started while nobody asks it for anything. */
async function breakIdleConnections(store: 'legacy' | 'modern'): Promise<void> {
  const before = stores[store].lostConnections();
  await stores[store].ping();
  await at.proxies[store].cut();
  await until('the broken connection is noticed', async () => stores[store].lostConnections() > before);
  await at.proxies[store].restore();
}

test.each(['legacy', 'modern'] as const)(
  'a connection of %s that breaks while it is idle is counted',
  async (store) => {
    await breakIdleConnections(store);
  },
);

test('a primary that comes back from a backup between two looks takes no write, nor the second of two at once', async () => {
  const guard = new SetBackGuard({ migration: at.migration, stores });
  await guard.look();
  expect(await guard.decide('legacy', taken)).toBe('taken');
  await putBack();
  await breakIdleConnections('legacy');
  const both = await Promise.allSettled([guard.decide('legacy', taken), guard.decide('legacy', taken)]);
  expect(both).toMatchObject([
    { status: 'rejected', reason: { code: 'StoreUnavailable' } },
    { status: 'rejected', reason: { code: 'StoreUnavailable' } },
  ]);
  expect(await guard.look()).toHaveLength(1);
});

test.each(['decide', 'read'] as const)(
  'a primary that was away at the last look is looked at before it serves again: %s',
  async (use) => {
    const guard = new SetBackGuard({ migration: at.migration, stores });
    expect(await guard[use]('legacy', taken)).toBe('taken');
    await guard.look();
    await putBack();
    await at.proxies.legacy.cut();
    expect(await guard.look()).toEqual([]);
    await expect(guard[use]('legacy', taken)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      message: expect.not.stringContaining('was set back'),
    });
    await at.proxies.legacy.restore();
    await expect(guard[use]('legacy', taken)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      message: expect.stringContaining('was set back'),
    });
  },
);

test('what a read has heard of its own store alone lets no write through', async () => {
  const guard = new SetBackGuard({ migration: at.migration, stores });
  await putBack();
  await at.proxies.modern.cut();
  expect(await guard.read('legacy', taken)).toBe('taken');
  await at.proxies.modern.restore();
  await expect(guard.decide('legacy', taken)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    message: expect.stringContaining('was set back'),
  });
  await expect(guard.read('legacy', taken)).rejects.toMatchObject({ code: 'StoreUnavailable' });
});

test('it is told by what this process has seen, while the other store is away', async () => {
  const guard = new SetBackGuard({ migration: at.migration, stores });
  await guard.look();
  await putBack();
  await breakIdleConnections('legacy');
  await at.proxies.modern.cut();
  await expect(guard.decide('legacy', taken)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    message: expect.stringContaining('was set back'),
  });
});
