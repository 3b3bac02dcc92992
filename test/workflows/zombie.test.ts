import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Store } from '../../databases/contract/store.ts';
import { LockstepError } from '../../model/failure.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, versionsOf } from '../support/inspect.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { write: { primaryGiveUpMs: 1_000 } });
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** The quick tries find the store away; the one after them hangs until it is let go, and then runs against the store. */
function hanging(store: Store) {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  let tries = 0;
  const late: Promise<unknown>[] = [];
  const write: Store['write'] = async (...call) => {
    if (late.length === 0 && tries++ < 3) throw new LockstepError('StoreUnavailable', 'away');
    const result = gate.then(() => store.write(...call));
    late.push(result);
    return await result;
  };
  return { write, late, release };
}

test('an operation that was given up cannot commit later', async () => {
  const { write, late, release } = hanging(at.stores.legacy);
  at.faults.legacy.write = write;
  const value = newAccount();
  const operationId = `zombie-${value.id}`;
  await expect(at.lockstep.repository(account).create(value, { operationId })).rejects.toMatchObject({
    code: 'StoreUnavailable',
  });
  delete at.faults.legacy.write;
  release();

  const outcomes = await Promise.all(late);
  expect(outcomes.length).toBeGreaterThan(0);
  for (const outcome of outcomes) expect(outcome).toMatchObject([{ status: 'known', recorded: 'aborted' }]);
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'aborted' });
});

test('an operation that had committed before it was given up is found', async () => {
  const store = at.stores.legacy;
  at.faults.legacy.write = async (...call) => {
    await store.write(...call);
    throw new LockstepError('StoreUnavailable', 'the answer was lost');
  };
  const value = newAccount();
  const { version } = await at.lockstep.repository(account).create(value);
  delete at.faults.legacy.write;
  await drained(at);
  expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
});

test('an operation that was given up is answered the same when it is sent again', async () => {
  at.faults.legacy.write = () => Promise.reject(new LockstepError('StoreUnavailable', 'away'));
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  const operationId = `again-${value.id}`;
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject({ code: 'StoreUnavailable' });
  delete at.faults.legacy.write;
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject({ code: 'Aborted' });
  await accounts.create(value);
});
