import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import { connect, type Lockstep } from '../../client/service/connect.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { HybridClock } from '../../model/version.ts';
import { createAccounts, journaled, newAccount } from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const setBack = { code: 'StoreUnavailable', message: expect.stringContaining('set back') };

let at: RunningMigration;
let service: Lockstep;
beforeAll(async () => {
  at = await runningMigration('dual-write', {
    entities: [journaled],
    tables: {
      legacy: [createAccounts('accounts', 'legacy')],
      modern: [createAccounts('accounts', 'modern')],
    },
  });
  service = await connect(at.migration, { environment: at.environment });
});
afterAll(async () => {
  await service?.close();
  await at?.[Symbol.asyncDispose]();
});

const seeEachOther = () => exchangeMarks({ ...at, clock: new HybridClock() });

test('a primary that was set back neither reads nor writes by the journal, and both again once it is repaired', async () => {
  const accounts = service.repository(journaled);
  const value = newAccount({ owner: 'first' });
  await accounts.create(value);
  await drained(at);
  await seeEachOther();
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await accounts.update(value.id, { owner: 'later' });
  await drained(at);
  // This service has not heard of it when it loses the store.
  await seeEachOther();
  await at.proxies.legacy.cut();
  await restore();
  await at.proxies.legacy.restore();
  // The first call may find a broken connection.
  const found = await accounts.get(value.id).catch(() => null);
  expect(found?.value.owner).not.toBe('first');
  await expect(accounts.get(value.id)).rejects.toMatchObject(setBack);
  // So may a write: then nobody knows whether it was decided before the connection broke.
  let refused: unknown;
  await until('a write meets no broken connection', async () => {
    refused = await accounts
      .update(value.id, { owner: 'lost' }, { timeoutMs: 1_000 })
      .catch((error: unknown) => error);
    return !isLockstepError(refused, 'OutcomeUnknown');
  });
  expect(refused).toMatchObject({
    ...setBack,
    details: { store: 'legacy', remedy: expect.stringContaining('--from') },
  });
  await at.lockstep.reconciliation.run({ repair: true, from: 'modern' });
  await accounts.update(value.id, { owner: 'newest' }, { timeoutMs: 60_000 });
  expect((await accounts.get(value.id))?.value.owner).toBe('newest');
  await drained(at);
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.owner)).toEqual(['newest', 'newest']);
});
