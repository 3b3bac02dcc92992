import { expect, test } from 'vitest';
import { preparedTransactionsUnavailableReason } from '../../databases/mysql/prepared-transactions.ts';
import { postgresql } from '../../deploy/dev/postgresql.ts';
import { ownServer } from '../../proofs/support/own-server.ts';
import { account, bound } from '../support/accounts.ts';
import { createFixture } from '../support/fixture.ts';
import { servers } from '../support/servers.ts';
import { transactionalFixture } from '../support/transactions.ts';
import { forEachEngineRole } from './engine-roles.ts';
import { slot } from './entities.ts';

forEachEngineRole('a server that can prepare', (at) => {
  test('has no obstacle', async () => {
    expect(await at().store.preparedTransactionsUnavailableReason([account, slot])).toBeNull();
  });
});

test.each([
  ['10.11.19-MariaDB-0+deb12u1', null],
  ['10.5.0-MariaDB', null],
  ['5.5.5-10.11.4-MariaDB-log', null],
  ['11.4.2-MariaDB', null],
  ['10.4.34-MariaDB', 'MariaDB 10.4.34'],
  ['5.5.68-MariaDB', 'MariaDB 5.5.68'],
  ['8.0.36', null],
  ['5.7.7', null],
  ['5.7.6-log', 'MySQL 5.7.6'],
  ['5.6.51', 'MySQL 5.6.51'],
])('%s is told apart', async (version, tooOld) => {
  const obstacle = await preparedTransactionsUnavailableReason(async () => [{ version }], []);
  if (tooOld === null) expect(obstacle).toBeNull();
  else expect(obstacle).toContain(tooOld);
});

test('a PostgreSQL that keeps no prepared transactions refuses the pattern, with the remedy', async () => {
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
  await using fixture = await createFixture(
    { ...servers(), postgresql: server.endpoint },
    transactionalFixture,
  );
  expect(await fixture.stores.modern.preparedTransactionsUnavailableReason([bound])).toContain(
    'max_prepared_transactions is 0',
  );
  expect(await fixture.stores.legacy.preparedTransactionsUnavailableReason([bound])).toBeNull();
});
