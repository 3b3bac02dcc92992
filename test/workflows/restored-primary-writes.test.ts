import { expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import { LockstepError } from '../../model/failure.ts';
import { HybridClock } from '../../model/version.ts';
import { account, newAccount } from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { advanceTo, connectAndStart, fixture, runningMigration } from '../support/harness.ts';
import { rowIn } from '../support/inspect.ts';
import { environmentOf, lockstep } from '../support/process.ts';
import { until } from '../support/until.ts';

test('a primary that was set back takes no write before a person has decided', async () => {
  await using at = await fixture({ write: { primaryGiveUpMs: 1_000 } });
  const worker = await at.work();
  const operator = await connectAndStart(at);
  await advanceTo(operator, 'validate');
  const accounts = operator.repository(account);
  const value = newAccount({ owner: 'first', email: null });
  await accounts.create(value, { ack: 'both' });
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await accounts.update(value.id, { owner: 'acknowledged' }, { ack: 'both' });
  await exchangeMarks({ ...at, clock: new HybridClock() });
  await worker.shutdown();
  await restore();

  await at.work();
  // Decided by the old row, it would replace the acknowledged owner in both stores.
  await expect(accounts.update(value.id, { email: 'later@example.com' })).rejects.toMatchObject({
    code: 'StoreUnavailable',
  });
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({
    owner: 'acknowledged',
    email: null,
  });
  const told = await lockstep(['status'], environmentOf(at));
  expect(told.code).toBe(2);
  expect(told.stdout).toContain('the legacy store was set back');
  expect((await lockstep(['doctor'], environmentOf(at))).stdout).toContain('the legacy store was set back');
  const refused = await lockstep(['reconcile', '--repair', '--yes'], environmentOf(at));
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('--from modern');

  const repaired = await lockstep(['reconcile', '--repair', '--from', 'modern', '--yes'], environmentOf(at));
  expect(repaired.code).toBe(0);
  await until('writes are taken again', async () =>
    accounts.update(value.id, { email: 'later@example.com' }).catch(() => null),
  );
  expect(await rowIn(at, 'legacy', 'accounts', value.id)).toMatchObject({
    owner: 'acknowledged',
    email: 'later@example.com',
  });
});

test('a worker that has lost its primary looks before it lets it decide again', async () => {
  await using at = await runningMigration('validate', { write: { primaryGiveUpMs: 1_000 } });
  const accounts = at.lockstep.repository(account);
  const value = newAccount({ owner: 'first' });
  await accounts.create(value, { ack: 'both' });
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  await accounts.update(value.id, { owner: 'acknowledged' }, { ack: 'both' });
  await exchangeMarks({ ...at, clock: new HybridClock() });
  at.faults.legacy.write = async () => {
    await restore();
    delete at.faults.legacy.write;
    throw new LockstepError('StoreUnavailable', 'as if it were brought back from a backup', {
      store: 'legacy',
    });
  };
  await expect(accounts.update(value.id, { email: null })).rejects.toMatchObject({
    code: 'StoreUnavailable',
  });
  expect(await rowIn(at, 'legacy', 'accounts', value.id)).toMatchObject({ owner: 'first' });
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ owner: 'acknowledged' });
});
