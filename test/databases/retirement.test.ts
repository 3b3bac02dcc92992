import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { engineRoles, type Opened, openRole } from './engine-roles.ts';

const accounts =
  'CREATE TABLE accounts (id integer PRIMARY KEY, owner varchar(100) NOT NULL, email varchar(100), balance decimal(12,2) NOT NULL)';
const another = 'CREATE TABLE accounts (id integer PRIMARY KEY, purpose varchar(20))';

describe.each(engineRoles.filter(({ role }) => role === 'legacy'))(
  'the end of a table at $engine',
  (role) => {
    const control = role.engine === 'PostgreSQL' ? 'lockstep.retired' : 'lockstep_retired';
    let at: Opened;
    beforeAll(async () => {
      at = await openRole(role, { entities: [account], onlyTables: [accounts] });
    });
    afterAll(() => at?.[Symbol.asyncDispose]());
    beforeEach(async () => {
      const left = await at.sql(`SELECT retired_name AS name FROM ${control}`);
      for (const table of ['accounts', ...left.map(({ name }) => name)])
        await at.sql(`DROP TABLE IF EXISTS ${table}`);
      await at.sql(`DELETE FROM ${control}`);
      await at.sql(accounts);
    });
    const isThere = async (table: string) =>
      await at.sql(`SELECT count(*) AS n FROM ${table}`).then(
        () => true,
        () => false,
      );

    test('comes once, whatever takes the names of the table since', async () => {
      const { store } = at;
      expect(await store.renameLegacyTables(account)).toHaveLength(1);
      const [retired = ''] = await store.retiredTables();
      expect(await isThere('accounts')).toBe(false);
      expect(await store.dropRetired(account)).toHaveLength(1);
      expect(await isThere(retired)).toBe(false);

      await at.sql(another);
      await at.sql(another.replace('accounts', retired));
      expect(await store.renameLegacyTables(account)).toEqual([]);
      expect(await store.dropRetired(account)).toEqual([]);
      expect(await isThere('accounts')).toBe(true);
      expect(await isThere(retired)).toBe(true);
    });

    test('goes on after a crash between the rename and its note, and touches no new table of the old name', async () => {
      const { store } = at;
      await store.renameLegacyTables(account);
      await at.sql(`UPDATE ${control} SET renamed = ${role.engine === 'PostgreSQL' ? "'0'" : '0'}`);
      await at.sql(another);
      expect(await store.renameLegacyTables(account)).toEqual([]);
      expect(await store.retiredTables()).toHaveLength(1);
      expect(await isThere('accounts')).toBe(true);
    });

    test('that was not renamed is never dropped', async () => {
      expect(await at.store.dropRetired(account)).toEqual([]);
      expect(await isThere('accounts')).toBe(true);
    });
  },
);
