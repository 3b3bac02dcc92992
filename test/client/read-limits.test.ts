import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { KeyReads } from '../../client/service/key-reads.ts';
import { StoreBreaker } from '../../client/service/store-breaker.ts';
import type { Store } from '../../databases/contract/store.ts';
import { keyFrom } from '../../model/key-input.ts';
import { tokenOf } from '../../model/token.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Without a limit of its own, a read of a store that hangs would take longer than a test may. */
const patient = { statementTimeoutMs: 600_000 };
const readTimeoutMs = 1_000;
const value = newAccount();

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads', { legacy: patient, modern: patient });
  await at.lockstep.control.setReadPercent(100);
  await at.lockstep.repository(account).create(value, { ack: 'both' });
});
afterEach(async () => {
  await at.proxies.modern.restore();
  await at.proxies.legacy.restore();
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** A client that knows the route, so that only reads of records meet a store that hangs. */
async function connected() {
  const client = await at.connect({ readTimeoutMs });
  const accounts = client.repository(account);
  await accounts.get(value.id);
  return { client, accounts };
}

test('a store that hangs costs a read its limit, then the primary answers', async () => {
  const { client, accounts } = await connected();
  at.proxies.modern.hang();
  expect((await accounts.get(value.id))?.value.owner).toBe(value.owner);
  expect(client.reads.counts()).toEqual({
    legacy: 1,
    modern: 1,
    fellBack: 1,
    lagged: 0,
    undecided: 0,
  });
});

test('where the primary hangs too, the read fails with the name of the store', async () => {
  const { accounts } = await connected();
  at.proxies.modern.hang();
  at.proxies.legacy.hang();
  await expect(accounts.get(value.id)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    details: { store: 'legacy' },
    message: expect.stringContaining(`${readTimeoutMs} ms`),
  });
});

test('a read with a token and a shadow is answered by the store that does not hang', async () => {
  const { client, accounts } = await connected();
  at.proxies.modern.hang();
  const read = accounts.get(value.id, { shadow: true, atLeast: tokenOf(String(2n ** 62n)) });
  await expect(read).rejects.toMatchObject({ code: 'StaleRead' });
  expect(client.shadow.counts()).toEqual({ equal: 0, unequal: 0, inFlight: 0, failed: 1 });
});

test('a store that hangs is asked once for a read, however often the read needs it', async () => {
  let asked = 0;
  const { legacy, modern } = at.stores;
  const hanging: Store = {
    ...modern,
    read: async () => {
      asked += 1;
      return await new Promise(() => undefined);
    },
  };
  const key = keyFrom(account, value.id);
  const reads = new KeyReads({ legacy, modern: hanging }, new StoreBreaker(100), account, key);
  for (let time = 0; time < 2; time += 1)
    await expect(reads.from('modern')).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { store: 'modern' },
    });
  expect(asked).toBe(1);
});

test('a client that does not know the route yet waits for it no longer than for a store', async () => {
  const client = await at.connect({ readTimeoutMs });
  at.proxies.modern.hang();
  at.proxies.legacy.hang();
  await expect(client.repository(account).get(value.id)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    message: expect.stringContaining('both stores'),
  });
});
