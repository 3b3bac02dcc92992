import { expect, test } from 'vitest';
import { serverConditions } from '../../databases/engine/server-conditions.ts';
import { mysql } from '../../deploy/dev/mysql.ts';
import { ownServer } from '../../proofs/support/own-server.ts';
import { account } from '../support/accounts.ts';
import { createDatabaseOn } from '../support/databases.ts';
import { direct } from './direct.ts';
import { openStoreAs } from './engine-roles.ts';

test('a binary log of statements takes no write: it is said before, and where one fails', async () => {
  const logging = {
    ...mysql,
    command: (instance: Parameters<typeof mysql.command>[0]) => {
      const { file, args } = mysql.command(instance);
      return { file, args: [...args, '--log-bin', '--binlog-format=STATEMENT'] };
    },
  };
  await using server = await ownServer(logging, () => undefined);
  const { url } = await createDatabaseOn(server.endpoint.url);
  const outside = await direct(url);
  await outside.rows(
    'CREATE TABLE accounts (id INT PRIMARY KEY, owner VARCHAR(100), email VARCHAR(100), balance DECIMAL(12,2))',
  );
  const { cause, remedy } = serverConditions.binaryLog;
  const opened = () => openStoreAs('modern', { url, entities: [account] });
  const formatOf = async (store: ReturnType<typeof opened>) =>
    (await store.settings()).find(({ name }) => name === 'binlog_format');
  const before = opened();
  expect(await formatOf(before)).toMatchObject({
    value: 'STATEMENT',
    problem: expect.stringContaining(remedy),
  });
  await expect(before.prepare()).rejects.toMatchObject({
    code: 'StoreUnavailable',
    message: expect.stringContaining(`error 1665 (${cause})`),
    details: { remedy },
  });
  await before.close();

  await outside.rows(remedy.replace(/,.*/, ''));
  const after = opened();
  expect(await formatOf(after)).toMatchObject({ value: 'ROW', problem: null });
  await after.prepare();
  await after.close();
  await outside.end();
});
