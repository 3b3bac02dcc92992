import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import type { Direct } from './direct.ts';
import { fence, forEachEngineRole, operationId, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

/** Nothing else ends a statement. */
const unending = 3_600_000;

/** As an administrator ends a statement, or a limit of the server's own. */
async function endWaiting({ rows }: Direct, engine: 'MariaDB' | 'PostgreSQL'): Promise<void> {
  if (engine === 'PostgreSQL') {
    await rows(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return;
  }
  const ended = await rows(
    `SELECT ID AS id FROM information_schema.PROCESSLIST
     WHERE DB = DATABASE() AND COMMAND IN ('Execute', 'Query') AND ID <> CONNECTION_ID()`,
  );
  for (const { id } of ended) await rows(`KILL QUERY ${id}`);
}

forEachEngineRole('a write whose statement somebody has ended', (at, { engine }) => {
  test.each([
    ['alone', [ada]],
    ['in a list', [ada, { ...ada, id: 2 }]],
  ])('%s leaves nothing that the next one on its connection would commit', async (_, values) => {
    const { sql, control, open } = at();
    const store = open({ options: { poolSize: 1, statementTimeoutMs: unending } });
    await sql(`INSERT INTO accounts (id, owner, balance) VALUES (1, 'old', 5)`);
    const holder = await at().another();
    await holder.rows('BEGIN');
    await holder.rows(`SELECT id FROM accounts WHERE id = 1 FOR UPDATE`);
    const items = values.map((value) =>
      writeOf(account, value, { version: '5', operationId: operationId() }),
    );
    const writing = store.write(account, items, fence).catch((error: unknown) => error);
    // Within a transaction PostgreSQL would show what it has shown before.
    const administrator = await at().another();
    await administrator.waiting();
    await endWaiting(administrator, engine);
    expect(await writing).toMatchObject({ code: 'StoreUnavailable' });
    await holder.rows('ROLLBACK');

    const other = writeOf(account, { ...ada, id: 3 }, { version: '6' });
    expect(await writeOne(store, account, other)).toMatchObject({ status: 'applied' });
    expect(await control('records', `record_key <> '["3"]'`)).toEqual([]);
    expect(await control('operations', `record_key <> '["3"]'`)).toEqual([]);
    expect(await store.write(account, items, fence)).toEqual(
      items.map(() => ({ status: 'applied', version: '5' })),
    );
    expect((await readOne(store, account, ['1'])).image).toMatchObject({ owner: 'Ada' });
  });
});

/** What a trigger of the application's does, so that the server raises what no handler of a routine hears. */
const fatal = {
  stack: {
    told: 'raise thread_stack',
    made: ['CREATE PROCEDURE deeper (n INT) IF n > 0 THEN CALL deeper(n - 1); END IF'],
    done: 'SET max_sp_recursion_depth = 255; CALL deeper(250);',
    dropped: ['DROP PROCEDURE deeper'],
  },
  space: {
    told: 'no space left',
    made: ['SET max_heap_table_size = 16384', 'CREATE TABLE small (filler CHAR(255)) ENGINE = MEMORY'],
    done: `INSERT INTO small WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT REPEAT('x', 255) FROM n;`,
    dropped: ['DROP TABLE small'],
  },
} as const;

forEachEngineRole('a write in which the server itself fails', (at, { engine }) => {
  test.skipIf(engine === 'PostgreSQL').each(['stack', 'space'] as const)(
    'for want of %s leaves nothing that the next one on its connection would commit',
    async (want) => {
      const { sql, control, open } = at();
      const store = open({ options: { poolSize: 1 } });
      const { told, made, done, dropped } = fatal[want];
      for (const statement of made) await sql(statement);
      await sql(`CREATE TRIGGER failing AFTER INSERT ON accounts FOR EACH ROW BEGIN ${done} END`);
      const id = want === 'space' ? 1 : 2;
      const write = writeOf(account, { ...ada, id }, { version: '5', operationId: operationId() });
      try {
        expect(await writeOne(store, account, write).catch((error: unknown) => error)).toMatchObject({
          code: 'StoreUnavailable',
          message: expect.stringContaining(told),
        });
      } finally {
        await sql('DROP TRIGGER failing');
        for (const statement of dropped) await sql(statement);
      }
      const other = writeOf(account, { ...ada, id: 3 }, { version: '6' });
      expect(await writeOne(store, account, other)).toMatchObject({ status: 'applied' });
      expect(await control('records', `record_key <> '["3"]'`)).toEqual([]);
      expect(await control('operations', `record_key <> '["3"]'`)).toEqual([]);
      expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '5' });
    },
  );
});
