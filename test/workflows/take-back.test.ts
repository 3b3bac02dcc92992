import { expect, test } from 'vitest';
import { createDifferenceClassifier } from '../../activities/comparison/classify-difference.ts';
import { createTakeBack, standsInSecondary } from '../../activities/comparison/take-back.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { HybridClock } from '../../model/version.ts';
import { readOne, writeOf, writeOne } from '../databases/engine-roles.ts';
import { account, newAccount } from '../support/accounts.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { fixture } from '../support/harness.ts';

test('a key that was written since it was compared is not taken back over', async () => {
  await using at = await fixture();
  const migration = at.migration.name;
  const fence = { migration, epoch: 1 };
  await writeFirstRoute(at.stores, migration);
  const route = { epoch: 1, primary: 'legacy', secondary: 'modern' } as const;
  const [quiet, written] = [newAccount(), newAccount()];
  for (const value of [quiet, written]) {
    await writeOne(at.stores.legacy, account, writeOf(account, value, { version: '5' }), fence);
    const newer = { mode: 'secondary', operationId: null, version: '9' } as const;
    await writeOne(at.stores.modern, account, writeOf(account, { ...value, owner: 'newer' }, newer), fence);
  }
  const keys = [[String(quiet.id)], [String(written.id)]];
  const findings = await createDifferenceClassifier(at).compareKeys(account, keys, route);
  const since = writeOf(account, { ...written, owner: 'since' }, { version: '7' });
  await writeOne(at.stores.legacy, account, since, fence);

  const { takeBack } = createTakeBack({ ...at, clock: new HybridClock() });
  const results = await takeBack(account, findings, route);
  expect(results.map(({ outcome }) => outcome.status).sort()).toEqual(['applied', 'stale-base']);
  const stored = await Promise.all(keys.map((key) => readOne(at.stores.legacy, account, key)));
  expect(stored).toMatchObject([
    { version: '9', image: { owner: 'newer' } },
    { version: '7', image: { owner: 'since' } },
  ]);
});

const record = (given: Partial<StoredRecord>): StoredRecord => ({
  key: ['1'],
  version: '5',
  deleted: false,
  digest: null,
  operationId: null,
  image: { id: '1' },
  undecided: false,
  neverThere: null,
  unreadable: null,
  lossy: null,
  ...given,
});

test.each<[string, Partial<StoredRecord>, boolean]>([
  ['a newer row', { version: '9' }, true],
  ['a newer tombstone', { version: '9', image: null, deleted: true }, true],
  ['no row under a newer version', { version: '9', image: null }, false],
  ['another row of the same version', {}, true],
  ['no row of the same version', { image: null, deleted: true }, false],
  ['an older row', { version: '4' }, false],
  ['a newer row that no field can hold', { version: '9', unreadable: 'a value' }, false],
])('of what a trusted secondary has, %s stands or not', (_, given, stands) => {
  const finding = { key: ['1'], verdict: null, reason: '', versionOnly: false } as const;
  expect(standsInSecondary({ ...finding, primary: record({}), secondary: record(given) })).toBe(stands);
});
