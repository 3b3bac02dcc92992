import { expect, test } from 'vitest';
import type { VersionBump } from '../../databases/contract/capture.ts';
import { account } from '../support/accounts.ts';
import { fence, forEachEngineRole, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const digest = 'a'.repeat(64);

function bumpOf(
  id: number,
  readVersion: string,
  version: string,
  given: Partial<VersionBump> = {},
): VersionBump {
  return { entity: account.name, key: [String(id)], readVersion, version, deleted: false, digest, ...given };
}

forEachEngineRole('a raise', (at) => {
  test('gives a record a new version, and touches no row', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, ada, { version: '5' }));
    const before = await readOne(store, account, ['1']);
    expect(await store.bumpVersions([bumpOf(1, '5', '9')], fence)).toBe('bumped');
    expect(await readOne(store, account, ['1'])).toEqual({
      ...before,
      version: '9',
      digest,
      operationId: null,
    });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('makes a record, or a tombstone, where there was none', async () => {
    const { store } = at();
    expect(await store.bumpVersions([bumpOf(2, '0', '3', { deleted: true, digest: null })], fence)).toBe(
      'bumped',
    );
    expect(await readOne(store, account, ['2'])).toMatchObject({ version: '3', deleted: true, image: null });
  });

  test('that comes after a write changes nothing, none of its list', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 3 }, { version: '5' }));
    const bumps = [bumpOf(4, '0', '7'), bumpOf(3, '4', '7')];
    expect(await store.bumpVersions(bumps, fence)).toBe('stale-base');
    expect(await readOne(store, account, ['3'])).toMatchObject({ version: '5' });
    expect(await readOne(store, account, ['4'])).toMatchObject({ version: '0' });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('is for the primary, under its epoch', async () => {
    const { store, asPrimary, asSecondary } = at();
    await expect(store.bumpVersions([bumpOf(5, '0', '7')], { ...fence, epoch: 99 })).rejects.toMatchObject({
      code: 'Fenced',
    });
    await asSecondary(2);
    await expect(store.bumpVersions([bumpOf(5, '0', '7')], { ...fence, epoch: 2 })).rejects.toMatchObject({
      code: 'Fenced',
    });
    await asPrimary(3);
    expect(await store.bumpVersions([bumpOf(5, '0', '7')], { ...fence, epoch: 3 })).toBe('bumped');
  });

  test('waits for the write of the same key, and then sees its version', async () => {
    const { store, another, asPrimary, engineRole } = at();
    await asPrimary(4);
    const epoch = { ...fence, epoch: 4 };
    await writeOne(store, account, writeOf(account, { ...ada, id: 6 }, { version: '5' }), epoch);
    const other = await another();
    const records = engineRole.engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
    await other.rows('BEGIN');
    await other.rows(`UPDATE ${records} SET version = 6 WHERE entity = 'account' AND record_key = '["6"]'`);
    const bumped = store.bumpVersions([bumpOf(6, '5', '7')], epoch);
    await other.waiting();
    await other.rows('COMMIT');
    expect(await bumped).toBe('stale-base');
  });

  test('locks each record before it looks at the next, so that no write comes between', async () => {
    const { store, another, engineRole } = at();
    for (const id of [7, 8])
      await writeOne(store, account, writeOf(account, { ...ada, id }, { version: '5' }));
    const other = await another();
    const records = engineRole.engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
    await other.rows('BEGIN');
    await other.rows(`UPDATE ${records} SET version = 5 WHERE entity = 'account' AND record_key = '["8"]'`);
    const bumped = store.bumpVersions([bumpOf(7, '5', '6'), bumpOf(8, '5', '6')], fence);
    const watcher = await another();
    await watcher.waiting();
    const newer = writeOne(store, account, writeOf(account, { ...ada, id: 7 }, { version: '9' }));
    await Promise.race([newer, watcher.waiting(2)]);
    await other.rows('COMMIT');
    expect(await bumped).toBe('bumped');
    await newer;
    expect(await readOne(store, account, ['7'])).toMatchObject({ version: '9' });
  });
});

forEachEngineRole('a raise under a route that changes', (at) => {
  test('under way holds a change of the route back until it is done', async () => {
    const { store, another, asPrimary, engineRole } = at();
    await asPrimary(4);
    const epoch = { ...fence, epoch: 4 };
    await writeOne(store, account, writeOf(account, { ...ada, id: 7 }, { version: '5' }), epoch);
    const blocker = await another();
    const watcher = await another();
    const records = engineRole.engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
    await blocker.rows('BEGIN');
    await blocker.rows(
      `SELECT version FROM ${records} WHERE entity = 'account' AND record_key = '["7"]' FOR UPDATE`,
    );
    const events: string[] = [];
    const bumped = store.bumpVersions([bumpOf(7, '5', '8')], epoch).finally(() => events.push('bumped'));
    await watcher.waiting(1);
    const changed = asPrimary(5).finally(() => events.push('route changed'));
    await Promise.race([changed, watcher.waiting(2)]);
    expect(events).toEqual([]);
    await blocker.rows('COMMIT');
    expect(await bumped).toBe('bumped');
    await changed;
  });
});
