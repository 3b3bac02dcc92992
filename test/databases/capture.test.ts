import { beforeAll, beforeEach, expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { deleteOf, fence, forEachEngineRole, type Opened, writeOf, writeOne } from './engine-roles.ts';
import { invoice, slot } from './entities.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const bill = {
  number: 'A "1"',
  issued: '2026-01-01',
  customer: { id: 7, name: 'Bea', city: null },
  lines: [{ position: 1, product: 'thing', quantity: 1 }],
};

forEachEngineRole(
  'capture',
  (at, engineRole) => {
    const normalized = engineRole.role === 'modern';
    const marks = async ({ store }: Opened) =>
      (await store.captured(100)).map(({ entity, key }) => [entity, ...key]);

    beforeAll(async () => {
      for (const entity of [account, slot, invoice]) await at().store.capture(entity, true);
    });
    beforeEach(async () => {
      const { store } = at();
      await store.deleteCaptured((await store.captured(1_000)).map(({ id }) => id));
    });

    test('notes what other sessions insert, change and delete', async () => {
      const { sql } = at();
      await sql(`INSERT INTO accounts (id, owner, balance) VALUES (10, 'x', 1.00), (11, 'x', 1.00)`);
      await sql('UPDATE accounts SET balance = 2.00 WHERE id = 10');
      await sql('UPDATE accounts SET id = 12 WHERE id = 11');
      await sql('DELETE FROM accounts WHERE id IN (10, 12)');
      const found = await marks(at());
      expect(found.slice(0, 5)).toEqual(['10', '11', '10', '11', '12'].map((id) => ['account', id]));
      expect(found.slice(5).sort()).toEqual(['10', '12'].map((id) => ['account', id]));
    });

    test('notes nothing of what Lockstep writes', async () => {
      const { store } = at();
      await writeOne(store, account, writeOf(account, ada));
      await writeOne(store, account, writeOf(account, { ...ada, owner: 'Eve' }));
      await store.write(account, [writeOf(account, { ...ada, id: 2 }), deleteOf(['1'])], fence);
      await writeOne(store, invoice, writeOf(invoice, bill));
      expect(await marks(at())).toEqual([]);
    });

    test('notes nothing of a transaction that is rolled back', async () => {
      const other = await at().another();
      await other.rows('BEGIN');
      await other.rows(`INSERT INTO accounts (id, owner, balance) VALUES (20, 'x', 1.00)`);
      await other.rows('ROLLBACK');
      expect(await marks(at())).toEqual([]);
    });

    test('writes composite keys and awkward texts as the record does', async () => {
      const { sql } = at();
      const region = 'North "\\\\" ä';
      const literal = engineRole.engine === 'PostgreSQL' ? region : region.replaceAll('\\', '\\\\');
      await sql(`INSERT INTO slots (region, slot_number) VALUES ('${literal}', 18446744073709551615)`);
      expect(await marks(at())).toEqual([['slot', region, '18446744073709551615']]);
    });

    test('maps the rows of every table that an entity owns to its key', async () => {
      const { sql } = at();
      const [rows, column] = normalized
        ? ['invoice_lines', 'invoice_number']
        : ['invoice_rows', 'invoice_number'];
      await writeOne(at().store, invoice, writeOf(invoice, { ...bill, number: 'B2' }));
      await sql(`UPDATE ${rows} SET quantity = 5 WHERE ${column} = 'B2'`);
      expect(await marks(at())).toEqual([['invoice', 'B2']]);
    });

    test('forgets the marks that it is told, and no later ones', async () => {
      const { store, sql } = at();
      await sql(`INSERT INTO accounts (id, owner, balance) VALUES (30, 'x', 1.00)`);
      const seen = await store.captured(100);
      await sql('UPDATE accounts SET balance = 2.00 WHERE id = 30');
      await store.deleteCaptured(seen.map(({ id }) => id));
      expect(await marks(at())).toEqual([['account', '30']]);
    });

    test(`${engineRole.engine === 'PostgreSQL' ? 'notes every key that a TRUNCATE deletes' : 'says that a TRUNCATE goes unnoticed, and whether this account may do it'}`, async () => {
      const { store, sql } = at();
      if (engineRole.engine !== 'PostgreSQL') {
        expect(await store.captureGap()).toMatch(
          /TRUNCATE fires no trigger, .*this account may do so with accounts, slots, .*lockstep reconcile --repair/,
        );
        return;
      }
      expect(await store.captureGap()).toBe(null);
      await writeOne(store, invoice, writeOf(invoice, { ...bill, number: 'B3' }));
      await sql(`INSERT INTO accounts (id, owner, balance) VALUES (50, 'x', 1.00), (51, 'x', 1.00)`);
      await store.deleteCaptured((await store.captured(1_000)).map(({ id }) => id));
      await sql('BEGIN; TRUNCATE accounts; ROLLBACK');
      expect(await marks(at())).toEqual([]);
      await sql(`TRUNCATE accounts, ${normalized ? 'invoice_lines' : 'invoice_rows'}`);
      const noted = await marks(at());
      expect(noted).toEqual(
        expect.arrayContaining([
          ['account', '50'],
          ['account', '51'],
          ['invoice', 'B3'],
        ]),
      );
      expect(new Set(noted.map(String)).size).toBe(noted.length);
    });

    test('ends with its triggers', async () => {
      const { store, sql } = at();
      await store.capture(account, false);
      await sql(`INSERT INTO accounts (id, owner, balance) VALUES (40, 'x', 1.00)`);
      if (engineRole.engine === 'PostgreSQL') await sql('TRUNCATE accounts');
      expect(await marks(at())).toEqual([]);
      await store.capture(account, true);
      await store.capture(account, true);
      await sql(`INSERT INTO accounts (id, owner, balance) VALUES (41, 'x', 1.00)`);
      expect(await marks(at())).toEqual([['account', '41']]);
    });
  },
  { entities: [account, slot, invoice] },
);
