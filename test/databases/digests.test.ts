import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { RangeDigest } from '../../databases/contract/comparison.ts';
import type { Store } from '../../databases/contract/store.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { account } from '../support/accounts.ts';
import { fence, forEachEngineRole, type Opened, openRole, writeOf } from './engine-roles.ts';
import { invoice, slot, specimen } from './entities.ts';

interface Entry {
  region: string;
  number: bigint;
  label: string | null;
  body: string | null;
  price: string | null;
  flag: boolean | null;
  seen: string | null;
  token: string | null;
  raw: Uint8Array | null;
}

/** Everything that can be hashed, under a key that sorts alike at both engines. */
const entry = entity({
  name: 'entry',
  schema: z.custom<Entry>(),
  fields: {
    region: field.text(),
    number: field.bigint(),
    label: field.text(),
    body: field.text(),
    price: field.decimal({ scale: 2 }),
    flag: field.boolean(),
    seen: field.timestamp(),
    token: field.uuid(),
    raw: field.bytes(),
  },
  key: ['region', 'number'],
  legacy: table('entries'),
  modern: table('entries'),
});

const statements = {
  MariaDB: `CREATE TABLE entries (region VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, number BIGINT NOT NULL,
    label VARCHAR(100), body LONGTEXT CHARACTER SET latin1, price DECIMAL(12,2), flag TINYINT(1), seen DATETIME(6), token CHAR(36),
    raw LONGBLOB, PRIMARY KEY (region, number)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`,
  PostgreSQL: `CREATE TABLE entries (region text COLLATE "C" NOT NULL, number bigint NOT NULL, label text, body text,
    price numeric(12,4), flag boolean, seen timestamptz, token uuid, raw bytea, PRIMARY KEY (region, number))`,
};

/** More columns than a function of PostgreSQL takes arguments. */
const wideNames = Array.from({ length: 250 }, (_, at) => `n${at}`);
const wide = entity({
  name: 'wide',
  schema: z.custom<Record<string, bigint | null>>(),
  fields: Object.fromEntries(['id', ...wideNames].map((name) => [name, field.bigint()])),
  key: 'id',
  legacy: table('wides'),
  modern: table('wides'),
});
const createWides = `CREATE TABLE wides (id bigint PRIMARY KEY, ${wideNames.map((name) => `${name} integer`).join(', ')})`;

const blank: Entry = {
  region: 'r',
  number: 1n,
  label: null,
  body: null,
  price: null,
  flag: null,
  seen: null,
  token: null,
  raw: null,
};
const everything = [{ lower: null, upper: null }];

describe('the same rows in two engines', () => {
  const engineRoles: Opened[] = [];
  beforeAll(async () => {
    for (const [engine, role] of [
      ['MariaDB', 'legacy'],
      ['PostgreSQL', 'modern'],
    ] as const) {
      const engineRole = await openRole(
        { engine, role },
        { tables: [statements[engine], createWides], entities: [entry, wide] },
      );
      engineRoles.push(engineRole);
    }
  });
  afterAll(async () => {
    for (const engineRole of engineRoles) await engineRole[Symbol.asyncDispose]();
  });

  async function both<T>(work: (store: Store) => Promise<T>): Promise<[T, T]> {
    const [legacy, modern] = engineRoles;
    if (!legacy || !modern) throw new Error('both places are open');
    return [await work(legacy.store), await work(modern.store)];
  }

  async function digestOf(
    rows: readonly Entry[],
  ): Promise<[RangeDigest | undefined, RangeDigest | undefined]> {
    for (const { sql } of engineRoles) await sql('DELETE FROM entries');
    for (const { sql, engineRole } of engineRoles)
      await sql(`DELETE FROM ${engineRole.engine === 'PostgreSQL' ? 'lockstep.' : 'lockstep_'}records`);
    const written = await both((store) =>
      store.write(
        entry,
        rows.map((row) => writeOf(entry, row)),
        fence,
      ),
    );
    expect(written.flat().filter(({ status }) => status !== 'applied')).toEqual([]);
    const [[left], [right]] = await both((store) => store.digests(entry, everything));
    return [left, right];
  }

  test('sort their keys alike', async () => {
    const [left, right] = await both((store) => store.digestible(entry));
    expect(left).toMatchObject({ order: ['bytes', 'value'] });
    expect(left?.order).toEqual(right?.order);
  });

  test('have one digest in a table of many columns, and another where any of them differs', async () => {
    const digestsNow = async () => {
      const [[left], [right]] = await both((store) => store.digests(wide, everything));
      expect(left).toEqual(right);
      return left?.digest;
    };
    const seen = new Set<unknown>();
    for (const { sql } of engineRoles)
      await sql(
        `INSERT INTO wides (id, ${wideNames.join(', ')}) VALUES (1, ${wideNames.join(', ').replaceAll('n', '')})`,
      );
    seen.add(await digestsNow());
    for (const name of ['n97', 'n98', 'n99', 'n197', 'n198', 'n249']) {
      for (const { sql } of engineRoles) await sql(`UPDATE wides SET ${name} = NULL`);
      seen.add(await digestsNow());
    }
    expect(seen.size).toBe(7);
  });

  test('have one digest, whatever the values', async () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'B', 'ä', '€', '|', ':', '~', '\n', ' ', '1', "'"),
    });
    const rows = fc.record({
      region: fc.constantFrom('a', 'B', 'ä', '€', '𝄞', 'a b'),
      number: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      label: fc.option(letters.map((text) => text.slice(0, 100))),
      body: fc.option(fc.tuple(letters, fc.integer({ min: 0, max: 300 })).map(([text, n]) => text.repeat(n))),
      price: fc.option(fc.integer({ min: -999_999, max: 999_999 }).map((cents) => (cents / 100).toFixed(2))),
      flag: fc.option(fc.boolean()),
      seen: fc.option(
        fc
          .integer({ min: 0, max: 2 ** 31 })
          .map((n) => `${new Date(n * 1000).toISOString().slice(0, 19)}.0${n % 10}0000Z`),
      ),
      token: fc.option(fc.uuid()),
      raw: fc.option(fc.uint8Array({ maxLength: 1_200 })),
    });
    const lists = fc.uniqueArray(rows, {
      minLength: 1,
      maxLength: 30,
      size: 'max',
      selector: ({ region, number }) => `${region} ${number}`,
    });
    await fc.assert(
      fc.asyncProperty(lists, async (given) => {
        const [left, right] = await digestOf(given);
        expect(left).toEqual({ rows: given.length, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
        expect(right).toEqual(left);
      }),
      { numRuns: 8 },
    );
  });

  const long = 'x'.repeat(5_000);
  test.each<[string, Entry[], Entry[]]>([
    ['null and the empty text', [{ ...blank, label: null }], [{ ...blank, label: '' }]],
    ['null and its sign', [{ ...blank, label: null }], [{ ...blank, label: '~' }]],
    [
      'texts that meet elsewhere',
      [{ ...blank, label: 'a|1:b', body: 'c' }],
      [{ ...blank, label: 'a', body: 'b|1:c' }],
    ],
    ['long texts', [{ ...blank, body: `${long}a` }], [{ ...blank, body: `${long}b` }]],
    [
      'a microsecond',
      [{ ...blank, seen: '2026-01-01T00:00:00.000001Z' }],
      [{ ...blank, seen: '2026-01-01T00:00:00.000002Z' }],
    ],
    [
      'two rows that swap a value of one length',
      [
        { ...blank, number: 1n, label: 'ab' },
        { ...blank, number: 2n, label: 'cd' },
      ],
      [
        { ...blank, number: 1n, label: 'cd' },
        { ...blank, number: 2n, label: 'ab' },
      ],
    ],
    ['the key alone', [{ ...blank, number: 1n }], [{ ...blank, number: 2n }]],
    ['no row', [blank], []],
  ])('have another digest where the difference is %s', async (_, some, others) => {
    const [left, right] = await digestOf(some);
    const [after, afterRight] = await digestOf(others);
    expect(right).toEqual(left);
    expect(afterRight).toEqual(after);
    expect(after?.digest).not.toBe(left?.digest);
  });

  test('are cut into ranges that hold each key once, in both', async () => {
    const rows = Array.from({ length: 57 }, (_, at) => ({
      ...blank,
      region: ['a', 'B', 'ä', 'b'][at % 4] ?? '',
      number: BigInt(at * at),
    }));
    await digestOf(rows);
    const steps = await engineRoles[0]?.store.steps(entry, { lower: null, upper: null }, 10, 100);
    expect(steps).toHaveLength(5);
    const ends: (Key | null)[] = [null, ...(steps ?? []), null];
    const ranges = ends.slice(1).map((upper, at) => ({ lower: ends[at] ?? null, upper }));
    const digests = await both((store) => store.digests(entry, ranges));
    expect(digests[0]).toEqual(digests[1]);
    expect(digests[0].map((digest) => digest.rows)).toEqual([10, 10, 10, 10, 10, 7]);
    const rowDigests = await both(async (store) =>
      (await Promise.all(ranges.map((range) => store.rowDigests(entry, range)))).flat(),
    );
    const texts = rowDigests.map((list) => list.map(({ key, digest }) => `${keyText(key)} ${digest}`).sort());
    expect(texts[0]).toEqual(texts[1]);
    expect(new Set(texts[0]).size).toBe(57);
  });
});

forEachEngineRole('digests', (at) => {
  test('are not made of floats, JSON, or shapes of functions', async () => {
    const { store } = at();
    expect(await store.digestible(specimen)).toBeNull();
    expect(await store.digestible(invoice)).toBeNull();
    expect(await store.digestible(account)).toMatchObject({ order: ['value'] });
  });

  test('are not made where a collation sorts the keys', async () => {
    const { store, engineRole } = at();
    const digestible = await store.digestible(slot);
    if (engineRole.engine === 'MariaDB') expect(digestible).toBeNull();
    else expect(digestible).toMatchObject({ order: ['bytes', 'value'] });
  });

  test('cover no more rows than the engine can put together', async () => {
    const { store } = at();
    expect((await store.digestible(account))?.maxRows).toBeGreaterThan(500);
  });

  test('tell which keys have no row', async () => {
    const { store } = at();
    await store.write(
      account,
      [writeOf(account, { id: 77, owner: 'Ada', email: null, balance: '1.00' })],
      fence,
    );
    await store.write(slot, [writeOf(slot, { region: 'North', number: 7n, label: null })], fence);
    expect(await store.missingKeys(account, [['76'], ['77'], ['78']])).toEqual([['76'], ['78']]);
    expect(
      await store.missingKeys(slot, [
        ['north', '7'],
        ['North', '7'],
        ['North', '8'],
      ]),
    ).toEqual([
      ['north', '7'],
      ['North', '8'],
    ]);
  });
});
