import { expect, test } from 'vitest';
import { SetBackGuard, withSetBackGuard } from '../../databases/deciding/set-back-guard.ts';
import { writeOf } from '../databases/engine-roles.ts';
import { account, newAccount } from '../support/accounts.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { fixture } from '../support/harness.ts';

test('a primary that was set back decides neither a write nor a transaction, until it is as far again', async () => {
  await using at = await fixture();
  const migration = at.migration.name;
  const fence = { migration, epoch: 1 };
  await writeFirstRoute(at.stores, migration);
  const guard = new SetBackGuard(at);
  const { legacy } = withSetBackGuard(at.stores, guard);
  const item = () => writeOf(account, newAccount());
  const attempt = { migration, transaction: 'any', attempt: 'aaaaaaaa', coordinator: 'legacy' } as const;

  await at.stores.modern.noteMark(migration, '9');
  expect(await guard.look()).toMatchObject([{ store: 'legacy' }]);
  const refused = { code: 'StoreUnavailable', message: expect.stringContaining('set back') };
  await expect(legacy.write(account, [item()], fence)).rejects.toMatchObject(refused);
  const change = { entity: account, item: item() };
  await expect(legacy.prepareBranch(attempt, [change], fence)).rejects.toMatchObject(refused);
  expect(await legacy.preparedBranches(migration)).toEqual([]);
  await expect(legacy.applyTransaction(attempt, [change], fence)).rejects.toMatchObject(refused);

  await legacy.raiseMark(migration, { to: '9', atLeast: '0' });
  expect(await guard.look()).toEqual([]);
  expect(await legacy.write(account, [item()], fence)).toMatchObject([{ status: 'applied' }]);
});
