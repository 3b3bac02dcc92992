import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../databases/contract/store.ts';
import { type Account, account } from '../support/accounts.ts';
import { fence, forEachEngineRole, migrationName, writeOf, writeOne } from './engine-roles.ts';

const ada: Account = { id: 1, owner: 'Ada', email: 'ada@example.org', balance: '1.00' };
const secret = 'nobody must read this';

forEachEngineRole('a failure', (at, { engine }) => {
  const on = (statements: { PostgreSQL: string; MariaDB: string }) => at().sql(statements[engine]);
  const undone: (() => Promise<unknown>)[] = [];
  /** The statements are undone after the test. */
  async function altered(statement: string, undo: string): Promise<void> {
    await at().sql(statement);
    undone.push(() => at().sql(undo));
  }
  async function triggered(body: { PostgreSQL: string; MariaDB: string }): Promise<void> {
    if (engine === 'PostgreSQL') {
      await at().sql(`CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN ${body.PostgreSQL}; RETURN NEW; END $$`);
      await at().sql('CREATE TRIGGER own BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION own()');
      undone.push(() => at().sql('DROP FUNCTION own() CASCADE'));
    } else {
      await at().sql(`CREATE TRIGGER own BEFORE INSERT ON accounts FOR EACH ROW ${body.MariaDB}`);
      undone.push(() => at().sql('DROP TRIGGER own'));
    }
  }
  const write = async (value: Account, store: Store = at().store) => {
    const outcome = await writeOne(store, account, writeOf(account, value));
    return outcome.status === 'failed' ? outcome.failure : outcome;
  };
  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => {
        throw new TypeError('it did not fail');
      },
      (error: unknown) => error,
    );

  beforeEach(() => at().asPrimary());
  afterEach(async () => {
    for (const undo of undone.splice(0).toReversed()) await undo();
    await at().sql('DELETE FROM accounts');
    await on({ PostgreSQL: 'DELETE FROM lockstep.records', MariaDB: 'DELETE FROM lockstep_records' });
  });

  test('of a unique key is a conflict that may pass', async () => {
    await write(ada);
    expect(await write({ ...ada, id: 2 })).toMatchObject({
      code: 'UniqueConflict',
      about: 'row',
      violation: 'unique',
    });
  });

  test('of a foreign key is a conflict of its own', async () => {
    await altered(
      'CREATE TABLE owners (name VARCHAR(100) PRIMARY KEY)' +
        (engine === 'MariaDB' ? ' CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci' : ''),
      'DROP TABLE owners',
    );
    await altered(
      'ALTER TABLE accounts ADD CONSTRAINT known FOREIGN KEY (owner) REFERENCES owners (name)',
      `ALTER TABLE accounts DROP ${engine === 'MariaDB' ? 'FOREIGN KEY' : 'CONSTRAINT'} known`,
    );
    expect(await write(ada)).toMatchObject({
      code: 'ForeignKeyConflict',
      about: 'row',
      violation: 'foreign-key',
      message: expect.stringMatching(/ \(foreign key\) at constraint known, table accounts$/),
    });
    await at().sql(`INSERT INTO owners VALUES ('Ada')`);
    expect(await write(ada)).toMatchObject({ status: 'applied' });
  });

  test('of a check constraint names the constraint', async () => {
    const failure = await write({ ...ada, balance: '-1.00' });
    expect(failure).toMatchObject({ code: 'StoreRefused', about: 'row', violation: 'check' });
    expect(failure).toMatchObject({ message: expect.stringContaining('balance_is_not_negative') });
  });

  // Columns that became narrower after the definition was bound: the server refuses, and not Lockstep beforehand.
  const email = { PostgreSQL: 'ALTER email', MariaDB: 'MODIFY email VARCHAR(100)' }[engine];
  test.each([
    ['not-null', `${email} ${engine === 'MariaDB' ? 'NOT NULL' : 'SET NOT NULL'}`, { email: null }],
    ['too-long', `${{ PostgreSQL: 'ALTER owner TYPE', MariaDB: 'MODIFY owner' }[engine]} VARCHAR(2)`, {}],
    [
      'out-of-range',
      `${{ PostgreSQL: 'ALTER balance TYPE', MariaDB: 'MODIFY balance' }[engine]} DECIMAL(3,2)`,
      { balance: '100.00' },
    ],
  ])('of a column says %s', async (violation, narrower, given) => {
    const wider = {
      PostgreSQL:
        'ALTER email DROP NOT NULL, ALTER owner TYPE VARCHAR(100), ALTER balance TYPE DECIMAL(12,2)',
      MariaDB:
        'MODIFY email VARCHAR(100), MODIFY owner VARCHAR(100) NOT NULL, MODIFY balance DECIMAL(12,2) NOT NULL',
    }[engine];
    await altered(`ALTER TABLE accounts ${narrower}`, `ALTER TABLE accounts ${wider}`);
    expect(await write({ ...ada, ...given })).toMatchObject({
      code: 'StoreRefused',
      about: 'row',
      violation,
    });
  });

  test('that a trigger raises is about the trigger, and its words are not told', async () => {
    await triggered({
      PostgreSQL: `RAISE EXCEPTION '${secret}: no such table, routine missing'`,
      MariaDB: `SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '${secret}: no such table, routine missing'`,
    });
    const failure = await write(ada);
    expect(failure).toMatchObject({ code: 'StoreRefused', about: 'trigger' });
    expect(JSON.stringify(failure)).not.toContain(secret);
  });

  test.each([
    {
      what: 'table',
      PostgreSQL: 'INSERT INTO nowhere VALUES (NEW.id)',
      MariaDB: 'INSERT INTO nowhere VALUES (NEW.id)',
    },
    { what: 'function', PostgreSQL: 'PERFORM nowhere(NEW.id)', MariaDB: 'SET NEW.owner = nowhere(NEW.id)' },
    {
      what: 'table, as it says itself,',
      PostgreSQL: `RAISE EXCEPTION USING ERRCODE = '42P01'`,
      MariaDB: `SIGNAL SQLSTATE '42S02' SET MYSQL_ERRNO = 1146`,
    },
  ])('of a trigger whose $what is missing is about the schema, and the store is prepared', async (body) => {
    await triggered(body);
    expect(await write(ada)).toMatchObject({ code: 'StoreRefused', about: 'schema' });
    await at().store.check();
    // Neither does it blame each row of a backfill.
    await at().asSecondary();
    const failure = await failureOf(copied());
    expect(failure).toMatchObject({
      code: 'StoreRefused',
      details: { about: 'schema', store: at().store.name },
    });
    expect(await at().store.differences(migrationName, 10)).toEqual([]);
  });

  test('of a control table that is missing says that the store is not prepared', async () => {
    const [is, will] = {
      PostgreSQL: ['lockstep.operations', 'lockstep.elsewhere'],
      MariaDB: ['lockstep_operations', 'lockstep_elsewhere'],
    }[engine] as [string, string];
    const rename = (from: string, to: string) =>
      engine === 'MariaDB'
        ? `RENAME TABLE ${from} TO ${to}`
        : `ALTER TABLE ${from} RENAME TO ${to.split('.')[1] ?? to}`;
    await altered(rename(is, will), rename(will, is));
    const notPrepared = { code: 'NotPrepared', details: { about: 'schema' } };
    expect(await failureOf(write(ada))).toMatchObject(notPrepared);
    expect(await failureOf(at().store.journalBacklog(migrationName))).toMatchObject(notPrepared);
  });

  test('of a routine that is missing says so as well', async () => {
    const routines = await on({
      PostgreSQL: `SELECT oid::regprocedure::text AS name FROM pg_proc
        WHERE pronamespace = 'lockstep'::regnamespace AND proname LIKE '%account%'`,
      MariaDB: `SELECT ROUTINE_NAME AS name FROM information_schema.ROUTINES
        WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME LIKE 'lockstep%account'`,
    });
    const kind = engine === 'PostgreSQL' ? 'FUNCTION' : 'PROCEDURE';
    for (const { name } of routines) {
      await at().sql(`DROP ${kind} ${name}`);
      const used = name?.includes('touch')
        ? at().store.check()
        : engine === 'MariaDB' && name?.includes('read')
          ? at().store.read(account, [['1']])
          : write(ada);
      expect(await failureOf(used)).toMatchObject({ code: 'NotPrepared' });
      await at().store.prepare();
    }
    expect(await write(ada)).toMatchObject({ status: 'applied' });
  });

  test('of a right that is missing is about grants', async () => {
    const name = `nobody_${randomBytes(4).toString('hex')}`;
    const url = new URL(at().url);
    const database = url.pathname.slice(1);
    url.username = name;
    url.password = 'let_me_in';
    if (engine === 'PostgreSQL') {
      await altered(`CREATE ROLE ${name} LOGIN PASSWORD 'let_me_in'`, `DROP ROLE ${name}`);
    } else {
      await altered(`CREATE USER ${name} IDENTIFIED BY 'let_me_in'`, `DROP USER ${name}`);
      await at().sql(`GRANT SELECT ON ${database}.* TO ${name}`);
    }
    const store = at().open({ url: url.href });
    // Its tables are read from the catalogue first.
    const failure = await failureOf(write(ada, store).then((found) => Promise.reject(found)));
    expect(failure).toMatchObject({ code: 'StoreRefused' });
    const about = failure instanceof Error && 'details' in failure ? failure.details : failure;
    expect(about).toMatchObject({ about: 'grants' });
  });

  test.each([
    ['password', 'wrong', '(account or password not accepted)', 'grants'],
    ['pathname', '/nowhere', '(no such database)', 'schema'],
  ] as const)(
    'of an account that is not let in, for its %s, refuses no write for good',
    async (part, value, cause, about) => {
      const url = new URL(at().url);
      url[part] = value;
      const store = at().open({ url: url.href });
      const failure = await failureOf(write(ada, store));
      expect(failure).toMatchObject({ code: 'StoreUnavailable', details: { about, store: store.name } });
      expect(failure).toMatchObject({ message: expect.stringContaining(cause) });
    },
  );

  test('of a server that does not answer is about the network', async () => {
    const url = new URL(at().url);
    url.port = '1';
    const store = at().open({ url: url.href });
    expect(await failureOf(store.ping())).toMatchObject({
      code: 'StoreUnavailable',
      details: { about: 'network', store: store.name },
    });
  });

  test('of a routine with other parameters refuses no write, but says what it was made for', async () => {
    await on({
      PostgreSQL: 'DROP FUNCTION lockstep.write_account',
      MariaDB: 'DROP PROCEDURE lockstep_write_account',
    });
    undone.push(async () => {
      // In PostgreSQL it would stand beside the one that is made anew.
      if (engine === 'PostgreSQL') await at().sql('DROP FUNCTION lockstep.write_account(integer)');
      await at().store.prepare();
    });
    await on({
      PostgreSQL: `CREATE FUNCTION lockstep.write_account(other integer) RETURNS void LANGUAGE sql AS ''`,
      MariaDB: 'CREATE PROCEDURE lockstep_write_account(other INT) DO 0',
    });
    const noted = await at().control('operations');
    expect(await failureOf(write(ada))).toMatchObject({
      code: 'NotPrepared',
      message: expect.stringContaining('was made for another definition'),
    });
    expect(await at().control('operations')).toEqual(noted);
  });

  async function copied() {
    const { store } = at();
    await store.clearChunks(migrationName, null);
    await store.planChunks(migrationName, account.name, []);
    const [from] = await store.chunks(migrationName, account.name);
    const { key, image } = writeOf(account, ada);
    if (!from || !image) throw new TypeError('a chunk is planned, and the record has an image');
    const { page } = (await store.pageTarget(account)).pageOf([{ key, image }]);
    const next = { cursor: key, done: true };
    const leftover = { items: [], unreadable: [], lossy: [] };
    return await store.loadPage(
      account,
      { page, except: [], leftover, from, next, checkExisting: false, checkParents: false },
      fence,
    );
  }
});
