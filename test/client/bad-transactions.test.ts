import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransactionItem } from '../../client/service/transaction.ts';
import type { TransactionScope } from '../../client/service/transaction-writer.ts';
import { LockstepError } from '../../model/failure.ts';
import { transactionWorkflowId } from '../../workflows/messages.ts';
import { account, bound, createAccounts, ledger, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { transactionalFixture } from '../support/transactions.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', {
    entities: [...transactionalFixture.entities, account],
    tables: {
      legacy: [...transactionalFixture.tables.legacy, createAccounts('accounts', 'legacy')],
      modern: [...transactionalFixture.tables.modern, createAccounts('accounts', 'modern')],
    },
  });
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** A typed failure, before any workflow starts, and no effect on either side. */
async function refused(
  writes: (tx: TransactionScope) => readonly TransactionItem[],
  id: string = randomUUID(),
): Promise<LockstepError> {
  const before = await everything();
  const failure = await at.lockstep.transaction(writes, { operationId: id }).catch((error: unknown) => error);
  if (!(failure instanceof LockstepError)) throw new Error(`${failure} is no failure of ours`);
  const handle = at.temporal.workflow.getHandle(transactionWorkflowId(at.migration.name, id));
  if (id !== '') await expect(handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
  expect(await everything()).toEqual(before);
  return failure;
}

async function everything() {
  const found = [];
  for (const store of ['legacy', 'modern'] as const) {
    for (const table of ['bound', 'ledgers', 'accounts']) {
      found.push(await at.sql[store](`SELECT id, owner FROM ${table} ORDER BY id`));
    }
  }
  return found;
}

test('an empty transaction is refused', async () => {
  expect(await refused(() => [])).toMatchObject({ code: 'InvalidTransaction' });
});

test('options that say nothing are refused', async () => {
  for (const wrong of [{ timeoutMs: Number.NaN }, { ack: 'all' as never }]) {
    await expect(
      at.lockstep.transaction((tx) => [tx(bound).create(newAccount())], wrong),
    ).rejects.toMatchObject({ code: 'InvalidInput' });
  }
});

test('a function that gives no list is told what to give', async () => {
  // Types do not hold everybody.
  for (const given of [undefined, Promise.resolve([])]) {
    const failure = await refused(() => given as unknown as readonly TransactionItem[]);
    expect(failure).toMatchObject({
      code: 'InvalidTransaction',
      message: expect.stringContaining('gave no list; return the writes'),
    });
  }
});

test('one that names the same record twice is refused, and says which items', async () => {
  const value = newAccount();
  const failure = await refused((tx) => [
    tx(bound).create(value),
    tx(ledger).create(value),
    tx(bound).update(value.id, { owner: 'again' }),
  ]);
  expect(failure).toMatchObject({ code: 'InvalidTransaction', details: { entity: 'bound' } });
  expect(failure.message).toContain('items 1 and 3');
  expect(failure.message).not.toContain(String(value.id));
});

test('an entity that the migration does not have is refused with its name', async () => {
  const stranger = { ...bound, name: 'stranger' };
  const failure = await refused((tx) => [tx(ledger).create(newAccount()), tx(stranger).create(newAccount())]);
  expect(failure).toMatchObject({ code: 'UnknownEntity', details: { entity: 'stranger' } });
});

test('an entity of another pattern is refused, with the remedy', async () => {
  // @ts-expect-error the types know it too
  const failure = await refused((tx) => [tx(account).create(newAccount())]);
  expect(failure).toMatchObject({ code: 'InvalidTransaction', details: { entity: 'account' } });
  expect(failure.message).toContain('primary-secondary');
});

test('one that Temporal would not take is refused with its size and the limit', async () => {
  const failure = await refused((tx) =>
    Array.from({ length: 3 }, () => tx(bound).create(newAccount({ owner: 'x'.repeat(800_000) }))),
  );
  expect(failure).toMatchObject({ code: 'TooLarge' });
  expect(failure.message).toMatch(/has 24\d{5} bytes, Temporal takes at most 20\d{5}/);
});

test('too many records at once are refused with the limit', async () => {
  const failure = await refused((tx) => Array.from({ length: 501 }, () => tx(bound).create(newAccount())));
  expect(failure).toMatchObject({ code: 'TooLarge' });
  expect(failure.message).toMatch(/501 items, at most 500/);
});

test('an item that fails its schema refuses all of it, and no value is told', async () => {
  const failure = await refused((tx) => [
    tx(ledger).create(newAccount()),
    tx(bound).create({ ...newAccount(), balance: 'secret' }),
  ]);
  expect(failure).toMatchObject({ code: 'InvalidEntity', details: { path: 'bound.balance' } });
  expect(failure.message).not.toContain('secret');
});

test('an operation id that no store could keep is refused', async () => {
  for (const id of ['', 'with space', 'a/b', 'x'.repeat(161)]) {
    expect(await refused((tx) => [tx(bound).create(newAccount())], id)).toMatchObject({
      code: 'InvalidOperationId',
    });
  }
});
