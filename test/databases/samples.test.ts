import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../../databases/contract/store.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import { createBoundaries } from '../../databases/sql/boundaries.ts';
import { StoreContext } from '../../databases/sql/context.ts';
import { createSamples } from '../../databases/sql/samples.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { rows, table } from '../../model/shape.ts';
import { forEachEngineRole, type Opened, openEngineAs } from './engine-roles.ts';
import { thing } from './entities.ts';

const token = entity({
  name: 'token',
  schema: z.strictObject({ id: z.uuid() }),
  key: 'id',
  legacy: table('tokens'),
  modern: table('tokens'),
});
interface Order {
  id: number;
  lines: { no: number }[];
}
const lines = () =>
  rows<Order, { lines_of_orders: { order_id: number; no: number }[] }>({
    tables: { lines_of_orders: { key: ['order_id'], identity: ['order_id', 'no'] } },
    toRows: ({ id, lines }) => ({ lines_of_orders: lines.map(({ no }) => ({ order_id: id, no })) }),
    fromRows: ({ lines_of_orders: own }) => ({
      id: own[0]?.order_id ?? 0,
      lines: own.map(({ no }) => ({ no })),
    }),
  });
const order = entity({
  name: 'order',
  schema: z.custom<Order>(),
  fields: { id: field.integer(), lines: field.list({ by: ['no'], fields: { no: field.integer() } }) },
  key: 'id',
  legacy: lines(),
  modern: lines(),
});
const entities = [thing, token, order];
const onlyTables = [
  'CREATE TABLE things (id INTEGER PRIMARY KEY, label VARCHAR(200) NOT NULL)',
  'CREATE TABLE tokens (id CHAR(36) NOT NULL PRIMARY KEY)',
  'CREATE TABLE lines_of_orders (order_id INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (order_id, no))',
];

/** Samples and boundaries as of a large table. Tells whether one was drawn: a scan needs no places. */
function samplesOf({ engineRole, url }: Opened, size = 1_000_000) {
  const engine = openEngineAs(engineRole.role, url);
  let draws = 0;
  const large: Engine = {
    ...engine,
    bulk: {
      ...engine.bulk,
      estimateRows: async () => size,
      async rowPlaces(bound) {
        const places = await engine.bulk.rowPlaces(bound);
        if (!places) return null;
        const rowsAt: typeof places.rowsAt = (...given) => {
          draws += 1;
          return places.rowsAt(...given);
        };
        return { ...places, rowsAt };
      },
    },
  };
  const migration = defineMigration({ name: 'move', entities, deadline: '2100-01-01T00:00:00Z' });
  const context = new StoreContext(engineRole.role, large, migration);
  const { sample } = createSamples(context);
  const { boundaries } = createBoundaries(context);
  return { sample, boundaries, draws: () => draws, [Symbol.asyncDispose]: () => engine.close() };
}

async function insert(sql: Opened['sql'], into: string, values: readonly string[]): Promise<void> {
  for (let at = 0; at < values.length; at += 1_000)
    await sql(`INSERT INTO ${into} VALUES ${values.slice(at, at + 1_000).join(', ')}`);
}

/** How many keys of many samples satisfy a condition. */
async function share(
  sample: Store['sample'],
  of: (typeof entities)[number],
  is: (id: number) => boolean,
  numberOf: (text: string) => number = Number,
): Promise<number> {
  const found: number[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const keys = await sample(of, 50, seed);
    expect(new Set(keys.map(String)).size).toBe(50);
    found.push(...keys.map(([id]) => numberOf(id ?? '')));
  }
  return found.filter(is).length / found.length;
}

forEachEngineRole(
  'a sample of a large table',
  (at) => {
    beforeEach(async () => {
      for (const name of ['things', 'tokens', 'lines_of_orders']) await at().sql(`DELETE FROM ${name}`);
    });

    describe('of keys that lie close together at one end and far apart at the other', () => {
      const dense = Array.from({ length: 800 }, (_, at) => at + 1);
      const sparse = Array.from({ length: 800 }, (_, at) => 1_000 + at * 11);

      beforeEach(async () => {
        // Some rows are a hundred times as long as others, and so has each block another number of them.
        const values = [...sparse, ...dense].map((id) => `(${id}, '${'x'.repeat(id <= 800 ? 1 : 150)}')`);
        await insert(at().sql, 'things', values);
      });

      test('takes each as often as any other', async () => {
        await using of = samplesOf(at());
        const found = await share(of.sample, thing, (id) => id <= 800);
        expect(of.draws()).toBeGreaterThan(0);
        // Four deviations of a fair sample.
        expect(Math.abs(found - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 3_000));
      });

      test('cuts them into parts of like size, in their order', async () => {
        await using of = samplesOf(at());
        const bounds = (await of.boundaries(thing, 4)).map(([id]) => Number(id));
        expect(of.draws()).toBeGreaterThan(0);
        expect(bounds).toEqual(bounds.toSorted((left, right) => left - right));
        const sizes = [-Infinity, ...bounds].map((lower, part) => {
          const upper = bounds[part] ?? Infinity;
          return [...dense, ...sparse].filter((id) => id > lower && id <= upper).length;
        });
        expect(sizes).toHaveLength(4);
        // Of 1,600 keys 900 are drawn: a part misses its share by more than a fifth once in ten thousand times.
        for (const size of sizes) expect(Math.abs(size - 400)).toBeLessThan(80);
      });

      test('is the same for the same seed, and another for another one', async () => {
        await using of = samplesOf(at());
        const first = await of.sample(thing, 20, 1);
        expect(await of.sample(thing, 20, 1)).toEqual(first);
        expect(await of.sample(thing, 20, 2)).not.toEqual(first);
      });
    });

    test('takes UUIDs that lie close together as often as others', async () => {
      const random = (seed: number) => createHash('sha256').update(String(seed)).digest('hex');
      const uuidOf = (hex: string) =>
        [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
          '-',
        );
      const close = Array.from({ length: 800 }, (_, at) => `abc${random(at).slice(0, 28)}0`);
      const all = close.flatMap((hex, at) => [hex, `${random(at + 800).slice(0, 31)}f`]);
      await insert(
        at().sql,
        'tokens',
        all.map((hex) => `('${uuidOf(hex)}')`),
      );
      await using of = samplesOf(at());
      const isFar = (digit: number) => digit === 15;
      const found = await share(of.sample, token, isFar, (text) => Number.parseInt(text.slice(-1), 16));
      expect(Math.abs(found - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 3_000));
    });

    test('takes a key of many rows as often as one of a single row', async () => {
      const single = Array.from({ length: 300 }, (_, order) => `(${order * 2}, 1)`);
      const many = Array.from({ length: 300 }, (_, order) =>
        Array.from({ length: 9 }, (_, line) => `(${order * 2 + 1}, ${line})`),
      ).flat();
      await insert(at().sql, 'lines_of_orders', [...single, ...many]);
      await using of = samplesOf(at());
      const found = await share(of.sample, order, (id) => id % 2 === 1);
      expect(Math.abs(found - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 3_000));
    });

    test('finds all keys where there are fewer than were thought', async () => {
      await insert(at().sql, 'things', ["(1, 'a')", "(7, 'b')", "(-3, 'c')"]);
      await using of = samplesOf(at());
      expect((await of.sample(thing, 50, 1)).map(String).sort()).toEqual(['-3', '1', '7']);
      await at().sql('DELETE FROM things');
      expect(await of.boundaries(thing, 4)).toEqual([]);
      expect(await of.sample(thing, 50, 1)).toEqual([]);
    });

    test('is cut beside keys that nothing can be done with', async () => {
      const ids = Array.from({ length: 60 }, (_, id) => `no UUID: ${id + 10}`);
      await insert(
        at().sql,
        'tokens',
        ids.map((id) => `('${id}')`),
      );
      await using of = samplesOf(at());
      const bounds = await of.boundaries(token, 2);
      for (const [id] of bounds) expect(ids).toContain(id?.trim());
    });

    // The first distance is told before anything is drawn, the second one by drawing.
    test.each([30_000_000, 300_000])(
      'is a scan where keys lie too far apart to be met: %i',
      async (distance) => {
        await insert(
          at().sql,
          'things',
          Array.from({ length: 60 }, (_, id) => `(${id * distance}, 'far')`),
        );
        await using of = samplesOf(at());
        expect(await of.sample(thing, 50, 1)).toHaveLength(50);
      },
    );

    test('is a scan of a small table', async () => {
      await insert(
        at().sql,
        'things',
        Array.from({ length: 60 }, (_, id) => `(${id}, 'near')`),
      );
      await using small = samplesOf(at(), 99_999);
      expect(await small.sample(thing, 50, 1)).toHaveLength(50);
      expect(small.draws()).toBe(0);
    });
  },
  { entities, onlyTables },
);
