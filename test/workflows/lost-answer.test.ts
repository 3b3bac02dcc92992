import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StoreName } from '../../model/failure.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, versionsOf } from '../support/inspect.ts';
import { writeMessage } from '../support/write-message.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

test.each<[StoreName]>([['legacy'], ['modern']])(
  'a write whose answer from %s is lost took effect exactly once',
  async (store) => {
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    await accounts.create(value);
    await drained(at);

    const mode = store === 'legacy' ? 'primary' : 'secondary';
    const dropped = at.proxies[store].dropNextAnswer(writeMessage(at.stores[store], account.name, mode));
    const { version, operationId } = await accounts.update(value.id, { owner: 'once' });
    await dropped;
    await drained(at);

    expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'once' });
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed', version });
  },
);

test('a refusal whose answer is lost is still a refusal', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value);
  const dropped = at.proxies.legacy.dropNextAnswer(writeMessage(at.stores.legacy, account.name));
  await expect(accounts.create(value)).rejects.toMatchObject({ code: 'AlreadyExists' });
  await dropped;
});
