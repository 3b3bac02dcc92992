import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { TransactionScope } from '../../client/service/transaction-writer.ts';
import { preparedTransactionsUnavailableReason } from '../../databases/mysql/prepared-transactions.ts';
import { postgresql } from '../../deploy/dev/postgresql.ts';
import { ownServer } from '../../proofs/support/own-server.ts';
import { transactionWorkflowId } from '../../workflows/messages.ts';
import { bound, ledger, newAccount } from '../support/accounts.ts';
import { runMigrationOn } from '../support/fixture.ts';
import { servers } from '../support/servers.ts';
import { transactionalFixture } from '../support/transactions.ts';
import { forEachEngineRole } from './engine-roles.ts';

forEachEngineRole('a server that can prepare', (at) => {
  test('has no obstacle', async () => {
    expect(await at().store.preparedTransactionsUnavailableReason()).toBeNull();
  });
});

test('a Galera cluster has one, and a way round it', async () => {
  const reason = (value: string) => preparedTransactionsUnavailableReason(async () => [{ Value: value }]);
  expect(await reason('ON')).toContain('use the pattern parallel');
  expect(await reason('OFF')).toBeNull();
});

test('where a store keeps no prepared transactions, a transaction and a single write are refused before they start', async () => {
  const none = {
    ...postgresql,
    command: (instance: Parameters<typeof postgresql.command>[0]) => {
      const { file, args, ...rest } = postgresql.command(instance);
      return {
        ...rest,
        file,
        args: args.map((arg) => arg.replace(/^max_prepared_transactions=.*$/, 'max_prepared_transactions=0')),
      };
    },
  };
  await using server = await ownServer(none, () => undefined);
  await using at = await runMigrationOn(
    { ...servers(), postgresql: server.endpoint },
    'dual-write',
    transactionalFixture,
  );
  const { stores, sql, migration, temporal, lockstep } = at;
  expect(await stores.legacy.preparedTransactionsUnavailableReason()).toBeNull();
  const because = { code: 'NotPrepared', details: { store: 'modern', remedy: 'lockstep doctor' } };
  const operationId = randomUUID();
  const value = newAccount();
  const items = (tx: TransactionScope) => [tx(bound).create(value), tx(ledger).create(value)];
  const failure = await lockstep.transaction(items, { operationId }).catch((error: unknown) => error);
  expect(failure).toMatchObject(because);
  expect(String(failure)).toContain('max_prepared_transactions is 0');
  await expect(lockstep.repository(ledger).create(value, { operationId })).rejects.toMatchObject(because);
  const handle = temporal.workflow.getHandle(transactionWorkflowId(migration.name, operationId));
  await expect(handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
  for (const table of ['bound', 'ledgers']) expect(await sql.legacy(`SELECT * FROM ${table}`)).toEqual([]);
});
