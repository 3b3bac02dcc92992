import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Key } from '../../model/canonical.ts';
import { type Entity, entity } from '../../model/entity.ts';
import { entityOf, field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { account } from '../support/accounts.ts';
import { deleteOf, forEachEngineRole, type Opened, openRole, writeOf, writeOne } from './engine-roles.ts';
import { emptySpecimen, invoice, slot, specimen } from './entities.ts';

/** What programs saw before there was a way of their own: the image, as its values. */
async function byImages(at: Opened, of: Entity, keys: readonly Key[]) {
  const records = await at.store.read(of, keys);
  return records.map(({ image, unreadable }) => ({
    value: image === null ? null : entityOf(of.fields, image),
    unreadable,
  }));
}

async function expectAlike(at: Opened, of: Entity, keys: readonly Key[]): Promise<void> {
  const expected = await byImages(at, of, keys);
  expect(await at.store.values(of, keys)).toEqual(expected);
  for (const [index, key] of keys.entries())
    expect(await at.store.values(of, [key])).toEqual([expected[index]]);
}

const one = { ...emptySpecimen, id: 1n, word: 'first', ratio: 0.1 + 0.2, half: 0.1, large: 2n ** 63n - 1n };
const two = {
  ...emptySpecimen,
  id: 2n,
  word: 'second',
  price: '-0.0001',
  raw: new Uint8Array([0, 255]),
  seen: '2024-02-29T12:00:00.000001Z',
};
const bill = {
  number: 'A',
  issued: '2024-02-29',
  customer: { id: 1, name: 'Ada', city: null },
  lines: [
    { position: 1, product: 'tea', quantity: 2 },
    { position: 10, product: 'cup', quantity: 1 },
    { position: 2, product: 'pot', quantity: 1 },
  ],
};

/** Columns whose names could stand in the way of a program's. */
const odd = entity({
  name: 'odd',
  schema: z.custom<{ id: number; proto: string | null; quoted: string | null; position: string | null }>(),
  fields: { id: field.integer(), proto: field.text(), quoted: field.text(), position: field.text() },
  key: 'id',
  legacy: table('odd', { proto: '__proto__', quoted: `it's $1`, position: 'lockstep_at' }),
  modern: table('odd', { proto: '__proto__', quoted: `it's $1`, position: 'lockstep_at' }),
});

forEachEngineRole('values', (at, { engine }) => {
  test('are those of the images, in the order of the keys, alone and in lists', async () => {
    const { store } = at();
    for (const value of [one, two]) await writeOne(store, specimen, writeOf(specimen, value));
    await expectAlike(at(), specimen, [['2'], ['3'], ['1'], ['2']]);
    await writeOne(store, specimen, deleteOf(['2']));
    await expectAlike(at(), specimen, [['1'], ['2']]);
  });

  test('are found by keys of several parts', async () => {
    const places = [
      { region: 'north', number: 2n ** 60n, label: 'a' },
      { region: 'north ', number: 1n, label: null },
      { region: 'NORTH', number: 1n, label: 'b' },
    ];
    for (const place of places) await writeOne(at().store, slot, writeOf(slot, place));
    const keys = places.map(({ region, number }) => [region, String(number)]);
    await expectAlike(at(), slot, [...keys, ['south', '1'], ['north', '1']]);
  });

  test('of an entity by functions are those of its rows, whether in one table or in several', async () => {
    await writeOne(at().store, invoice, writeOf(invoice, bill));
    await writeOne(
      at().store,
      invoice,
      writeOf(invoice, { ...bill, number: 'B', lines: bill.lines.slice(1) }),
    );
    await expectAlike(at(), invoice, [['B'], ['none'], ['A']]);
  });

  test('a key that is too long is told, and those beside it are read', async () => {
    await writeOne(at().store, slot, writeOf(slot, { region: 'north', number: 1n, label: null }));
    const long = ['x'.repeat(2_000), '1'];
    const short = ['north', '1'];
    const found = await byImages(at(), slot, [short]);
    const told = {
      value: null,
      unreadable: expect.stringContaining('more than the 700 bytes that can be indexed'),
    };
    expect(await at().store.values(slot, [long, short])).toEqual([told, ...found]);
    expect(await at().store.values(slot, [long])).toEqual([told]);
    // No row has it.
    expect(await byImages(at(), slot, [long, short])).toEqual([{ value: null, unreadable: null }, ...found]);
  });

  test('are read beside a transaction that holds the row, and without a look at the records', async () => {
    await writeOne(
      at().store,
      account,
      writeOf(account, { id: 1, owner: 'a', email: null, balance: '1.00' }),
    );
    const other = await at().another();
    const records = engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
    await other.rows(engine === 'PostgreSQL' ? 'BEGIN' : `LOCK TABLES ${records} WRITE, accounts READ`);
    if (engine === 'PostgreSQL') {
      await other.rows(`LOCK TABLE ${records} IN ACCESS EXCLUSIVE MODE`);
      await other.rows(`UPDATE accounts SET owner = 'b' WHERE id = 1`);
    }
    const [read, [listed]] = await Promise.all([
      at().store.values(account, [['1']]),
      at().store.values(account, [['1'], ['2']]),
    ]);
    expect(read).toEqual([{ value: { id: 1, owner: 'a', email: null, balance: '1.00' }, unreadable: null }]);
    expect(listed).toEqual(read[0]);
    await other.rows(engine === 'PostgreSQL' ? 'ROLLBACK' : 'UNLOCK TABLES');
  });

  test('a table that was altered meanwhile is read all the same', async () => {
    await writeOne(
      at().store,
      account,
      writeOf(account, { id: 1, owner: 'a', email: null, balance: '1.00' }),
    );
    const read = async () => (await at().store.values(account, [['1']]))[0]?.value;
    const before = await read();
    const text =
      engine === 'PostgreSQL' ? 'ALTER COLUMN owner TYPE text' : 'MODIFY owner varchar(120) NOT NULL';
    await at().sql(`ALTER TABLE accounts ${text}`);
    await at().sql('ALTER TABLE accounts ADD COLUMN extra integer');
    expect(await read()).toEqual(before);
    await at().sql('ALTER TABLE accounts DROP COLUMN extra');
    expect(await read()).toEqual(before);
  });

  test('a statement of the caller reads with the types of its driver, and writes nothing', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { id: 1, owner: 'a', email: null, balance: '1.00' }));
    const [id, owner] = engine === 'PostgreSQL' ? ['$1', '$2'] : ['?', '?'];
    expect(
      await store.queryReadOnly(`SELECT id, owner FROM accounts WHERE id = ${id} AND owner <> ${owner}`, [
        1,
        'b',
      ]),
    ).toEqual([{ id: 1, owner: 'a' }]);
    await expect(store.queryReadOnly(`UPDATE accounts SET owner = 'b'`, [])).rejects.toThrow(/read.only/i);
    await expect(store.queryReadOnly('SELECT nothing FROM accounts', [])).rejects.toThrow();
    expect(await store.queryReadOnly('SELECT owner FROM accounts', [])).toEqual([{ owner: 'a' }]);
  });

  test('a statement of the caller that fails throws what its driver says, and no value of it', async () => {
    const place = engine === 'PostgreSQL' ? '$1' : '?';
    const failing = at().store.queryReadOnly(`SELECT absent FROM accounts WHERE owner = ${place}`, [
      'secret',
    ]);
    const error: unknown = await failing.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ message: expect.stringContaining('absent') });
    expect(inspect(error)).not.toContain('secret');
  });

  test('a statement of the service is one statement, and changes nothing about those that follow', async () => {
    const { store } = at();
    await expect(store.queryReadOnly('SELECT 1 AS a; SELECT 2 AS b', [])).rejects.toThrow(/syntax|multiple/i);
    const settings =
      engine === 'PostgreSQL'
        ? ['SET default_transaction_read_only = off', 'BEGIN READ WRITE']
        : ['SET SESSION TRANSACTION READ WRITE', 'START TRANSACTION READ WRITE'];
    for (const setting of settings) {
      await store.queryReadOnly(setting, []).catch(() => []);
      await expect(store.queryReadOnly('DELETE FROM accounts', [])).rejects.toThrow(/read.only/i);
    }
  });
});

describe.each(['PostgreSQL', 'MariaDB'] as const)('columns with odd names at %s', (engine) => {
  test('are read', async () => {
    const quote =
      engine === 'PostgreSQL'
        ? (name: string) => `"${name.replaceAll('"', '""')}"`
        : (name: string) => `\`${name.replaceAll('`', '``')}\``;
    const columns = ['__proto__', `it's $1`, 'lockstep_at'].map(quote);
    await using at = await openRole(
      { engine, role: 'legacy' },
      {
        entities: [odd],
        onlyTables: [
          `CREATE TABLE odd (id integer NOT NULL PRIMARY KEY, ${columns.map((name) => `${name} varchar(20)`).join(', ')})`,
          `INSERT INTO odd VALUES (1, 'a', 'b', 'c'), (2, NULL, NULL, NULL)`,
        ],
      },
    );
    const expected = { value: { id: 1, proto: 'a', quoted: 'b', position: 'c' }, unreadable: null };
    const empty = { value: { id: 2, proto: null, quoted: null, position: null }, unreadable: null };
    expect(await at.store.values(odd, [['1']])).toEqual([expected]);
    expect(await at.store.values(odd, [['2'], ['1']])).toEqual([empty, expected]);
  });
});
