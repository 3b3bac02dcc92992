import { expect, test } from 'vitest';
import { createTentativeResolver } from '../../activities/write/tentative.ts';
import { HybridClock } from '../../model/version.ts';
import { operationId, readOne, writeOf, writeOne } from '../databases/engine-roles.ts';
import { account, newAccount } from '../support/accounts.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { fixture } from '../support/harness.ts';
import { rowIn } from '../support/inspect.ts';

test('nothing is undone over a newer version in the secondary: its primary may have been set back', async () => {
  await using at = await fixture();
  const migration = at.migration.name;
  const fence = { migration, epoch: 1 };
  await writeFirstRoute(at.stores, migration);
  const value = newAccount({ owner: 'tentative' });
  const key = [String(value.id)];
  const id = operationId();
  const tentative = { mode: 'tentative', status: 'tentative', operationId: id, version: '3' } as const;
  await writeOne(at.stores.modern, account, writeOf(account, value, tentative), fence);
  const newer = { mode: 'secondary', operationId: null, version: '9' } as const;
  await writeOne(at.stores.modern, account, writeOf(account, { ...value, owner: 'newer' }, newer), fence);
  await writeOne(
    at.stores.legacy,
    account,
    writeOf(account, { ...value, owner: 'old' }, { version: '5' }),
    fence,
  );

  const { resolve } = createTentativeResolver({ ...at, clock: new HybridClock() });
  const route = { epoch: 1, primary: 'legacy', secondary: 'modern' } as const;
  const operation = { id, entity: account.name, kind: 'replace', key };
  expect(await resolve(operation, route)).toMatchObject({
    status: 'refused',
    message: expect.stringContaining('set back'),
  });
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ owner: 'newer' });
  expect(await readOne(at.stores.modern, account, key)).toMatchObject({ version: '9' });
  const [entry] = await at.stores.modern.journal({ migration, ids: [id], limit: 1 });
  expect(entry).toMatchObject({ status: 'tentative', failure: 'CompensationFailed' });
});
