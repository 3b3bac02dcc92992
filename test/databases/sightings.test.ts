import { beforeEach, expect, test } from 'vitest';
import { forEachEngineRole, migrationName } from './engine-roles.ts';

forEachEngineRole('a mark', (at, { engine }) => {
  const table = engine === 'PostgreSQL' ? 'lockstep.sightings' : 'lockstep_sightings';
  beforeEach(() => at().sql(`DELETE FROM ${table}`));

  test('of a store that was set back stays where it is', async () => {
    const { store } = at();
    expect(await store.raiseMark(migrationName, { to: '20', atLeast: '0' })).toBe('20');
    expect(await store.raiseMark(migrationName, { to: '90', atLeast: '21' })).toBeNull();
    expect(await store.marks(migrationName)).toEqual({ own: '20', seen: '0' });
  });

  test('of the other store never goes back', async () => {
    const { store } = at();
    for (const mark of ['30', '9']) await store.noteMark(migrationName, mark);
    expect(await store.marks(migrationName)).toEqual({ own: '0', seen: '30' });
  });

  test('that two raise at once ends above both', async () => {
    const { store, another } = at();
    await store.raiseMark(migrationName, { to: '20', atLeast: '0' });
    const other = await another();
    await other.rows('START TRANSACTION');
    // A locked row is still read as it was.
    await other.rows(`SELECT own_mark FROM ${table} WHERE migration = '${migrationName}' FOR UPDATE`);
    const raising = store.raiseMark(migrationName, { to: '30', atLeast: '0' });
    await (await another()).waiting(1);
    await other.rows(`UPDATE ${table} SET own_mark = 70 WHERE migration = '${migrationName}'`);
    await other.rows('COMMIT');
    expect(await raising).toBe('71');
    expect(await store.marks(migrationName)).toMatchObject({ own: '71' });
  });
});
