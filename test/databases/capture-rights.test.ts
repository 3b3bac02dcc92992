import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { forEachEngineRole, type Opened } from './engine-roles.ts';

forEachEngineRole('the account as which triggers run', (at, { engine }) => {
  const isPostgresql = engine === 'PostgreSQL';
  const captured = isPostgresql ? 'lockstep.captured' : 'lockstep_captured';
  const add = (id: number) =>
    at().sql(`INSERT INTO accounts (id, owner, balance) VALUES (${id}, 'application', 1.00)`);

  /** With the rights of a table's owner, and none on the marks. */
  async function anotherAccount({ sql, url }: Opened, name: string) {
    const given = new URL(url);
    given.username = `${given.pathname.slice(-12)}_${name}`;
    given.password = 'invented';
    if (isPostgresql) {
      await sql(`CREATE ROLE "${given.username}" LOGIN PASSWORD 'invented'`);
      for (const what of ['ALL ON ALL TABLES IN SCHEMA public', 'USAGE, CREATE ON SCHEMA lockstep'])
        await sql(`GRANT ${what} TO "${given.username}"`);
      await sql(`GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA lockstep TO "${given.username}"`);
      await sql(`ALTER TABLE accounts OWNER TO "${given.username}"`);
    } else {
      await sql(`CREATE USER '${given.username}'@'127.0.0.1' IDENTIFIED BY 'invented'`);
      await sql(
        `GRANT SELECT, DELETE, TRIGGER ON ${given.pathname.slice(1)}.* TO '${given.username}'@'127.0.0.1'`,
      );
    }
    const subject = isPostgresql ? `"${given.username}"` : `'${given.username}'@'127.0.0.1'`;
    return {
      store: at().open({ url: given.href }),
      grant: () => sql(`GRANT INSERT ON ${captured} TO ${subject}`),
      async drop() {
        if (isPostgresql) await sql(`ALTER TABLE accounts OWNER TO CURRENT_USER; DROP OWNED BY ${subject}`);
        await sql(`DROP ${isPostgresql ? 'ROLE' : 'USER'} ${subject}`);
      },
    };
  }

  test('must be allowed to leave marks, before a trigger is made', async () => {
    const { store, drop } = await anotherAccount(at(), 'lacks');
    await expect(store.capture(account, true)).rejects.toMatchObject({
      code: 'StoreRefused',
      message: expect.stringContaining(`GRANT INSERT ON ${captured}`),
    });
    expect(await store.isCapturing()).toBe(false);
    await add(1);
    await drop();
  });

  test('is looked at while there are triggers', async () => {
    const { store, grant, drop } = await anotherAccount(at(), 'leaves');
    await grant();
    await store.capture(account, true);
    await add(2);
    expect(await at().store.triggerAccounts()).toMatchObject([{ problem: null }]);
    // A role that owns something cannot be dropped; it can lose a right.
    if (isPostgresql) await at().sql(`REVOKE INSERT ON ${captured} FROM PUBLIC, "${nameOf(at(), 'leaves')}"`);
    else await drop();
    expect(await at().store.triggerAccounts()).toMatchObject([{ problem: expect.stringContaining('fails') }]);
    await expect(add(3)).rejects.toThrow();
    await at().store.capture(account, false);
    await add(3);
    if (isPostgresql) await drop();
  });
});

function nameOf({ url }: Opened, name: string): string {
  return `${new URL(url).pathname.slice(-12)}_${name}`;
}
