import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { SharedRecordVersion, WriteItem } from '../../databases/contract/write.ts';
import { digestOf } from '../../model/digest.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows } from '../../model/shape.ts';
import { copyLeftover } from './copy-leftover.ts';
import {
  deleteOf,
  fence,
  forEachEngineRole,
  type Opened,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';
import { flat, type Invoice, invoiceOf, normalized } from './entities.ts';

const acme = { id: 1, name: 'Acme', city: null };
const lines = [
  { position: 2, product: 'bolt', quantity: 3 },
  { position: 1, product: 'nut', quantity: 5 },
];
const bill: Invoice = { number: 'A-1', issued: '2024-02-29', customer: acme, lines };
const secondaryWrite = { mode: 'secondary', kind: 'replace', operationId: null } as const;

function shapesBoth(wins: 'latest' | 'first' | 'refuse') {
  return invoiceOf(normalized(wins), normalized(wins));
}
const latest = shapesBoth('latest');

/** A write that brings its customer with a version of the customer's own. */
function bringing(value: Invoice, version: string, customerVersion: string): WriteItem {
  const sharedVersions: SharedRecordVersion[] = [
    { name: 'customer', key: [String(value.customer.id)], version: customerVersion, digest: digestOf('x') },
  ];
  return writeOf(latest, value, { ...secondaryWrite, version, sharedVersions });
}

const customers = ({ sql }: Opened) => sql('SELECT * FROM customers ORDER BY id');
const rowOf = ({ id, name, city }: typeof acme | { id: number; name: string; city: string }) => ({
  id: String(id),
  name,
  city,
});

describe.each([
  { where: 'tables of its own', counted: 'invoice_lines', entity: shapesBoth('latest') },
  { where: 'one wide table', counted: 'invoice_rows', entity: invoiceOf(flat(), flat()) },
])('an invoice in $where', ({ counted, entity }) => {
  forEachEngineRole(
    'comes back',
    (at) => {
      test('as it went in, and after its lines have changed', async () => {
        const { store, sql } = at();
        for (const value of [
          bill,
          {
            ...bill,
            lines: [
              { position: 2, product: 'bolt', quantity: 9 },
              { position: 7, product: 'saw', quantity: 1 },
            ],
          },
          { ...bill, customer: { id: 2, name: 'Other', city: 'Oslo' }, lines: lines.slice(0, 1) },
        ]) {
          const write = writeOf(entity, value);
          expect((await writeOne(store, entity, write)).status).toBe('applied');
          expect((await readOne(store, entity, ['A-1'])).image).toEqual(write.image);
          expect(await sql(`SELECT count(*) AS n FROM ${counted}`)).toEqual([
            { n: String(value.lines.length) },
          ]);
        }
        expect(await writeOne(store, entity, deleteOf(['A-1']))).toMatchObject({ status: 'applied' });
        expect(await sql(`SELECT count(*) AS n FROM ${counted}`)).toEqual([{ n: '0' }]);
        expect(await readOne(store, entity, ['A-1'])).toMatchObject({ image: null, deleted: true });
      });

      test('in a list, each with its own lines', async () => {
        const { store } = at();
        const writes = ['B-1', 'B-2', 'B-3'].map((number, index) =>
          writeOf(entity, { ...bill, number, lines: lines.slice(index % 2) }),
        );
        await store.write(entity, writes, fence);
        const stored = await store.read(entity, [['B-3'], ['B-0'], ['B-1'], ['B-2']]);
        expect(stored.map(({ image }) => image)).toEqual([
          writes[2]?.image,
          null,
          writes[0]?.image,
          writes[1]?.image,
        ]);
      });
    },
    { entities: [entity] },
  );
});

forEachEngineRole(
  'a shared row that the newest write wins',
  (at) => {
    test('carries a guard with the version of the write that brought it', async () => {
      const { store, control } = at();
      const write = writeOf(latest, { ...bill, customer: { ...acme, id: 10 } });
      await writeOne(store, latest, write);
      expect(await control('records', `entity = 'customer'`)).toMatchObject([
        {
          record_key: '["10"]',
          version: '1',
          operation: write.operationId,
          digest: write.sharedVersions[0]?.digest,
        },
      ]);
      expect(
        await store.guards([
          { name: 'customer', key: ['10'] },
          { name: 'customer', key: ['99'] },
        ]),
      ).toEqual([{ name: 'customer', key: ['10'], version: '1', digest: write.sharedVersions[0]?.digest }]);
    });

    test('pushes the version of a write that brings it above its guard', async () => {
      const { store } = at();
      const first = writeOf(
        latest,
        { ...bill, number: 'C-1', customer: { ...acme, id: 20 } },
        { version: '100' },
      );
      const second = writeOf(latest, {
        ...bill,
        number: 'C-2',
        customer: { id: 20, name: 'Renamed', city: null },
      });
      expect(await writeOne(store, latest, first)).toEqual({ status: 'applied', version: '100' });
      expect(await writeOne(store, latest, second)).toEqual({ status: 'applied', version: '101' });
      expect((await readOne(store, latest, ['C-1'])).image).toMatchObject({ customer: { name: 'Renamed' } });
    });

    test('that a write does not bring is left alone where it is, and put in where it is not', async () => {
      const { store, sql, control } = at();
      const known = writeOf(latest, { ...bill, number: 'D-1', customer: { ...acme, id: 30 } });
      await writeOne(store, latest, known);
      const stale = { ...bill, number: 'D-2', customer: { id: 30, name: 'stale', city: null } };
      await writeOne(store, latest, writeOf(latest, stale, { sharedVersions: [] }));
      const absent = { ...bill, number: 'D-3', customer: { id: 31, name: 'absent', city: null } };
      await writeOne(store, latest, writeOf(latest, absent, { sharedVersions: [] }));
      expect(await sql('SELECT name FROM customers WHERE id IN (30, 31) ORDER BY id')).toEqual([
        { name: 'Acme' },
        { name: 'absent' },
      ]);
      expect(await control('records', `entity = 'customer' AND record_key = '["31"]'`)).toEqual([]);
    });

    test('stays when an invoice is deleted', async () => {
      const { store, sql } = at();
      await writeOne(
        store,
        latest,
        writeOf(latest, { ...bill, number: 'E-1', customer: { ...acme, id: 40 } }),
      );
      await writeOne(store, latest, deleteOf(['E-1']));
      expect(await sql('SELECT id FROM customers WHERE id = 40')).toHaveLength(1);
    });

    test('keeps its newest state under concurrent writers of different invoices', async () => {
      const { store, sql } = at();
      const writes = Array.from({ length: 24 }, (_, index) =>
        writeOf(latest, {
          ...bill,
          number: `F-${index}`,
          customer: { id: 50 + (index % 2), name: `name ${index}`, city: null },
        }),
      );
      const outcomes = await Promise.all(writes.map((write) => writeOne(store, latest, write)));
      for (const id of [50, 51]) {
        const mine = outcomes.flatMap((outcome, index) =>
          index % 2 === id - 50 && outcome.status === 'applied'
            ? [{ version: BigInt(outcome.version), index }]
            : [],
        );
        expect(mine).toHaveLength(12);
        expect(new Set(mine.map(({ version }) => version)).size).toBe(12);
        const newest = mine.reduce((best, one) => (one.version > best.version ? one : best));
        expect(await sql(`SELECT name FROM customers WHERE id = ${id}`)).toEqual([
          { name: `name ${newest.index}` },
        ]);
      }
    });

    test('is not locked out by lists that bring the same rows in opposite orders', async () => {
      const { store } = at();
      const call = (caller: number) => {
        const items = Array.from({ length: 8 }, (_, index) =>
          writeOf(latest, { ...bill, number: `G-${caller}-${index}`, customer: { ...acme, id: 60 + index } }),
        );
        return store.write(latest, caller % 2 === 0 ? items : items.toReversed(), fence);
      };
      const outcomes = (await Promise.all([0, 1, 2, 3, 4, 5].map(call))).flat();
      expect(outcomes.filter(({ status }) => status !== 'applied')).toEqual([]);
    });
  },
  { entities: [latest] },
);

forEachEngineRole(
  'a shared row at a follower',
  (at) => {
    beforeEach(() => at().asSecondary());

    test('takes the higher version, in any order', async () => {
      const { store } = at();
      const newer = { id: 1, name: 'new', city: 'Oslo' };
      await writeOne(store, latest, bringing({ ...bill, number: 'A-2', customer: newer }, '8', '8'));
      const late = await writeOne(
        store,
        latest,
        bringing({ ...bill, customer: { ...acme, name: 'old' } }, '5', '5'),
      );
      expect(late).toEqual({ status: 'applied', version: '5' });
      expect(await customers(at())).toEqual([rowOf(newer)]);
      const newest = { id: 1, name: 'newest', city: 'Rome' };
      await writeOne(store, latest, bringing({ ...bill, customer: newest }, '9', '9'));
      expect(await customers(at())).toEqual([rowOf(newest)]);
    });

    test('may come with an older version than the write that carries it', async () => {
      const { store, sql } = at();
      await writeOne(
        store,
        latest,
        bringing({ ...bill, number: 'B-1', customer: { ...acme, id: 2 } }, '20', '20'),
      );
      await writeOne(
        store,
        latest,
        bringing({ ...bill, number: 'B-2', customer: { id: 2, name: 'old', city: null } }, '30', '10'),
      );
      expect(await sql('SELECT name FROM customers WHERE id = 2')).toEqual([{ name: 'Acme' }]);
    });

    test('is copied by several ranges at once without refusing any', async () => {
      const { store, control } = at();
      await store.planChunks('move', 'invoice', [['1'], ['2'], ['3']]);
      const chunks = await store.chunks('move', 'invoice');
      const copied = {
        mode: 'copy',
        kind: 'replace',
        version: '0',
        operationId: null,
        sharedVersions: [],
      } as const;
      const found = await Promise.all(
        chunks.map((chunk) => {
          const items = Array.from({ length: 20 }, (_, index) =>
            writeOf(
              latest,
              {
                ...bill,
                number: `H-${chunk.range}-${index}`,
                customer: { ...acme, id: 100 + ((index * 7 + chunk.range * 3) % 20) },
              },
              copied,
            ),
          );
          return copyLeftover(store, latest, items, chunk);
        }),
      );
      expect(found).toMatchObject(chunks.map(() => ({ status: 'committed', copied: 20, refused: 0 })));
      expect(await control('records', 'version = 0')).toEqual([]);
    });
  },
  { entities: [latest] },
);

const first = shapesBoth('first');
forEachEngineRole(
  'a shared row that the first write wins',
  (at) => {
    test('is never changed', async () => {
      const { store } = at();
      await writeOne(store, first, writeOf(first, bill));
      const second = writeOf(first, { ...bill, number: 'A-2', customer: { ...acme, name: 'other' } });
      expect((await writeOne(store, first, second)).status).toBe('applied');
      expect(await customers(at())).toEqual([rowOf(acme)]);
    });

    test('is, in a list, what its first item brings', async () => {
      const { store } = at();
      const items = ['one', 'two'].map((name, index) =>
        writeOf(first, { ...bill, number: `I-${index}`, customer: { ...acme, id: 200, name } }),
      );
      expect(await store.write(first, items, fence)).toMatchObject([
        { status: 'applied' },
        { status: 'applied' },
      ]);
      expect(await customers(at())).toContainEqual(rowOf({ ...acme, id: 200, name: 'one' }));
    });
  },
  { entities: [first] },
);

const refuse = shapesBoth('refuse');
forEachEngineRole(
  'a shared row that must not differ',
  (at) => {
    test.each([
      ['another name', { ...acme, name: 'Other' }],
      ['another case', { ...acme, name: 'ACME' }],
      ['a blank at the end', { ...acme, name: 'Acme ' }],
      ['a city instead of none', { ...acme, city: 'Oslo' }],
    ])('refuses %s', async (_, customer) => {
      const { store } = at();
      await writeOne(store, refuse, writeOf(refuse, bill));
      const second = writeOf(refuse, { ...bill, number: 'A-2', customer });
      expect(await writeOne(store, refuse, second)).toMatchObject({
        status: 'failed',
        failure: { code: 'StoreRefused', message: expect.stringContaining('shared row differs') },
      });
      expect(await customers(at())).toEqual([rowOf(acme)]);
      expect((await readOne(store, refuse, ['A-2'])).image).toBeNull();
    });

    test('refuses the second of two that differ in a list', async () => {
      const { store } = at();
      const items = ['one', 'two'].map((name, index) =>
        writeOf(refuse, { ...bill, number: `J-${index}`, customer: { ...acme, id: 200, name } }),
      );
      expect(await store.write(refuse, items, fence)).toMatchObject([
        { status: 'applied' },
        { status: 'failed' },
      ]);
    });

    test('takes the same again', async () => {
      const { store } = at();
      await writeOne(store, refuse, writeOf(refuse, bill));
      const same = writeOf(refuse, { ...bill, number: 'A-3' });
      expect((await writeOne(store, refuse, same)).status).toBe('applied');
    });
  },
  { entities: [refuse] },
);

interface Parcel {
  id: number;
  customer: { id: number; name: string };
}

interface ParcelRow {
  id: number;
  customer_id: number;
  customer_name: string;
}

const oneRow = rows<Parcel, { parcels: ParcelRow[] }>({
  tables: { parcels: { key: ['id'] } },
  embedded: { customer: { table: 'parcels', columns: { id: 'customer_id', name: 'customer_name' } } },
  toRows: ({ id, customer }) => ({
    parcels: [{ id, customer_id: customer.id, customer_name: customer.name }],
  }),
  fromRows: ({ parcels: [parcel] }) => {
    if (!parcel) throw new Error('a parcel has a row');
    return { id: parcel.id, customer: { id: parcel.customer_id, name: parcel.customer_name } };
  },
});

const parcel = entity({
  name: 'parcel',
  schema: z.custom<Parcel>(),
  fields: {
    id: field.integer(),
    customer: field.shared({
      name: 'customer',
      identity: ['id'],
      fields: { id: field.integer(), name: field.text() },
    }),
  },
  key: 'id',
  legacy: oneRow,
  modern: oneRow,
});

forEachEngineRole(
  'a shared record in the one row of its entity',
  (at) => {
    test('has a guard, whatever the clock proposes', async () => {
      const { store, control } = at();
      for (const version of ['100', '101']) {
        const write = writeOf(parcel, { id: 1, customer: { id: 7, name: version } }, { version });
        expect(await writeOne(store, parcel, write)).toEqual({ status: 'applied', version });
        expect((await readOne(store, parcel, ['1'])).image).toEqual(write.image);
        expect(await control('records', `entity = 'customer'`)).toMatchObject([
          { record_key: '["7"]', version, operation: write.operationId },
        ]);
      }
    });
  },
  {
    entities: [parcel],
    tables: [
      'CREATE TABLE parcels (id INT PRIMARY KEY, customer_id INT NOT NULL, customer_name VARCHAR(100) NOT NULL)',
    ],
  },
);
