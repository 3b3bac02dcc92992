import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** Holds the secondary's answer back until it is let go. */
function holdModern(): () => void {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  at.faults.modern.write = async (...call) => {
    await gate;
    return await at.stores.modern.write(...call);
  };
  const letGo = () => {
    delete at.faults.modern.write;
    release();
  };
  onTestFinished(letGo);
  return letGo;
}

test('primary: answered by the primary, while the secondary is still at work', async () => {
  const release = holdModern();
  const value = newAccount();
  const receipt = await at.lockstep.repository(account).create(value, { ack: 'primary' });
  expect(receipt.version).toBe((await entryIn(at, 'legacy', receipt.operationId))?.version);
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toBeNull();
  expect(await entryIn(at, 'legacy', receipt.operationId)).toMatchObject({ status: 'pending' });
  release();
  await drained(at);
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ owner: value.owner });
});

test('both: answered when both have it', async () => {
  const release = holdModern();
  const value = newAccount();
  let answered = false;
  const writing = at.lockstep
    .repository(account)
    .create(value, { ack: 'both' })
    .finally(() => {
      answered = true;
    });
  await until('legacy has it', () => rowIn(at, 'legacy', 'accounts', value.id));
  expect(answered).toBe(false);
  release();
  const { operationId } = await writing;
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ owner: value.owner });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('recorded: answered before any store has it', async () => {
  const value = newAccount();
  const receipt = await at.lockstep.repository(account).create(value, { ack: 'recorded' });
  expect(receipt).toMatchObject({ version: null, token: null });
  await until('modern has it', () => rowIn(at, 'modern', 'accounts', value.id));
  expect(await entryIn(at, 'legacy', receipt.operationId)).toMatchObject({ status: expect.any(String) });
});
