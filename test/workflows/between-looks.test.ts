import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDifferenceClassifier } from '../../activities/comparison/classify-difference.ts';
import { createDifferenceConfirmer } from '../../activities/comparison/confirm-differences.ts';
import { convergeKeys } from '../../activities/write/converge.ts';
import type { Store } from '../../databases/contract/store.ts';
import { writeOf, writeOne } from '../databases/engine-roles.ts';
import { invoice } from '../databases/entities.ts';
import { tables } from '../databases/tables.ts';
import { account, newAccount } from '../support/accounts.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { type Fixture, fixture } from '../support/harness.ts';

const epoch = 1;
const route = { epoch, primary: 'legacy', secondary: 'modern' } as const;
const following = { mode: 'secondary', kind: 'replace', operationId: null } as const;

async function opened(options: Parameters<typeof fixture>[0] = {}): Promise<Fixture> {
  const at = await fixture(options);
  await writeFirstRoute(at.stores, at.migration.name);
  return at;
}

let at: Fixture;
beforeAll(async () => {
  at = await opened();
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('a key that is written between two looks is no difference, though it differs at both', async () => {
  const fence = { migration: at.migration.name, epoch };
  const value = newAccount();
  const key = [String(value.id)];
  await writeOne(at.stores.legacy, account, writeOf(account, value, { version: '5' }), fence);
  const early = { ...following, version: '4' };
  await writeOne(at.stores.modern, account, writeOf(account, { ...value, owner: 'early' }, early), fence);

  let looks = 0;
  const legacy: Store = {
    ...at.stores.legacy,
    async read(...given) {
      const [, keys] = given;
      if (keys.length === 0) return [];
      looks += 1;
      // The write comes after the journal was read, and is on its way to the secondary at the second look.
      const newer = writeOf(account, { ...value, owner: 'newer' }, { version: '7', status: 'pending' });
      if (looks === 2) await writeOne(at.stores.legacy, account, newer, fence);
      return await at.stores.legacy.read(...given);
    },
  };
  const stores = { ...at.stores, legacy };
  const wait = async () => {
    await convergeKeys(at, account, [key], route);
  };
  const { confirm } = createDifferenceConfirmer({ migration: at.migration, stores, wait });
  const found = await new MockActivityEnvironment().run(() => confirm(account, [key], route));
  expect(looks).toBe(3);
  expect(found).toEqual({ differing: [], ambiguous: [], inFlight: [] });
});

test('a write that comes between the reads of the two stores makes no key ahead', async () => {
  const fence = { migration: at.migration.name, epoch };
  const value = newAccount();
  const key = [String(value.id)];
  await writeOne(at.stores.legacy, account, writeOf(account, value, { version: '5' }), fence);
  const read = Promise.withResolvers<void>();
  const legacy: Store = {
    ...at.stores.legacy,
    async read(...given) {
      const found = await at.stores.legacy.read(...given);
      read.resolve();
      return found;
    },
  };
  const modern: Store = {
    ...at.stores.modern,
    async read(...given) {
      await read.promise;
      const newer = writeOf(account, { ...value, owner: 'newer' }, { version: '7', status: 'pending' });
      await writeOne(at.stores.legacy, account, newer, fence);
      await convergeKeys(at, account, [key], route);
      return await at.stores.modern.read(...given);
    },
  };
  const { compareKeys } = createDifferenceClassifier({ stores: { legacy, modern } });
  expect(await compareKeys(account, [key], route)).toMatchObject([{ verdict: null }]);
});

test('an old copy of a shared record does not take the version of the newest', async () => {
  await using shared = await opened({
    entities: [invoice],
    tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL },
  });
  const fence = { migration: shared.migration.name, epoch };
  const bill = (number: string, name: string) => ({
    number,
    issued: '2024-02-29',
    customer: { id: 1, name, city: null },
    lines: [{ position: 1, product: 'nut', quantity: 5 }],
  });
  const written = (number: string, name: string, version: string) =>
    writeOne(shared.stores.legacy, invoice, writeOf(invoice, bill(number, name), { version }), fence);
  // Each wide row of legacy has a copy of the customer; that of the first is old.
  await written('A-1', 'Old', '5');
  await written('B-1', 'New', '6');
  for (const number of ['A-1', 'B-1']) await convergeKeys(shared, invoice, [[number]], route);
  expect(await shared.sql.modern('SELECT name FROM customers')).toEqual([{ name: 'New' }]);
  expect(await shared.stores.modern.guards([{ name: 'customer', key: ['1'] }])).toEqual(
    await shared.stores.legacy.guards([{ name: 'customer', key: ['1'] }]),
  );
});
