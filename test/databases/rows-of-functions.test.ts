import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows } from '../../model/shape.ts';
import { copyLeftover } from './copy-leftover.ts';
import { deleteOf, fence, forEachEngineRole, readOne, writeOf, writeOne } from './engine-roles.ts';
import { flat, type Invoice, invoiceOf } from './entities.ts';

interface Order {
  id: number;
  issued: string;
  lines: { no: number; product: string }[];
}

function orderOf(name: string, shape: ReturnType<typeof rows<Order, never>>) {
  return entity({
    name,
    schema: z.custom<Order>(),
    fields: {
      id: field.integer(),
      issued: field.date(),
      lines: field.list({ by: ['no'], fields: { no: field.integer(), product: field.text() } }),
    },
    key: 'id',
    legacy: shape,
    modern: shape,
  });
}

/** The date stands on every line. */
const wideShape = (lossy: 'refuse' | 'allow', tableName: string) =>
  rows({
    tables: { [tableName]: { key: ['order_id'], identity: ['order_id', 'no'] } },
    lossy,
    toRows: ({ id, issued, lines }: Order) => ({
      [tableName]: lines.map((line) => ({ order_id: id, issued, ...line })),
    }),
    fromRows: (given) => {
      const lines = given[tableName] ?? [];
      return {
        id: lines[0]?.order_id ?? 0,
        issued: lines[0]?.issued ?? '',
        lines: lines.map(({ no, product }) => ({ no, product })),
      };
    },
  });
const wide = orderOf('wide', wideShape('refuse', 'wide_rows'));
const allowed = orderOf('allowed', wideShape('allow', 'allowed_rows'));

/** The lines stand in a list of JSON, of which the shape knows two members. */
const nested = orderOf(
  'nested',
  rows({
    tables: { documents: { key: ['id'], fields: { body: field.json() } } },
    toRows: ({ id, issued, lines }: Order) => ({ documents: [{ id, issued, body: lines as unknown }] }),
    fromRows: ({ documents: [found] }) => ({
      id: found?.id ?? 0,
      issued: found?.issued ?? '',
      lines: ((found?.body ?? []) as Order['lines']).map(({ no, product }) => ({ no, product })),
    }),
  }),
);

/** Gifts are no lines, and notes are forgotten. */
const filtered = orderOf(
  'filtered',
  rows({
    tables: {
      heads: { key: ['id'] },
      items: { key: ['order_id'], identity: ['order_id', 'no'] },
    },
    toRows: ({ id, issued, lines }: Order) => ({
      heads: [{ id, issued, note: null as string | null }],
      items: lines.map((line) => ({ order_id: id, ...line, kind: 'sale' })),
    }),
    fromRows: ({ heads: [head], items }) => ({
      id: head?.id ?? 0,
      issued: head?.issued ?? '',
      lines: items.filter(({ kind }) => kind === 'sale').map(({ no, product }) => ({ no, product })),
    }),
  }),
);

/** Whatever else stands there may go. */
const loose = orderOf(
  'loose',
  rows({
    tables: {
      loose_heads: { key: ['id'] },
      loose_items: { key: ['order_id'], identity: ['order_id', 'no'] },
    },
    lossy: 'allow',
    toRows: ({ id, issued, lines }: Order) => ({
      loose_heads: [{ id, issued }],
      loose_items: lines.map((line) => ({ order_id: id, ...line })),
    }),
    fromRows: ({ loose_heads: [head], loose_items }) => ({
      id: head?.id ?? 0,
      issued: head?.issued ?? '',
      lines: loose_items.map(({ no, product }) => ({ no, product })),
    }),
  }),
);

/** What the functions of a careless person give. */
const wrongRows = orderOf(
  'wrong',
  rows({
    tables: {
      wrong_heads: { key: ['id'] },
      wrong_items: { key: ['order_id'], identity: ['order_id', 'no'] },
    },
    toRows: ({ id, issued, lines }: Order) => ({
      wrong_heads: id === 1 ? [] : [{ id: id === 2 ? 3 : id, issued }],
      wrong_items: lines.map((line) => ({ order_id: id === 4 ? 5 : id, ...line })),
    }),
    fromRows: ({ wrong_heads: [head], wrong_items }) => ({
      id: head?.id ?? 0,
      issued: head?.issued ?? '',
      lines: wrong_items.map(({ no, product }) => ({ no, product })),
    }),
  }),
);

const invoice = invoiceOf(flat(), flat());
const line = 'no INTEGER NOT NULL, product VARCHAR(50) NOT NULL';
const wideColumns = `order_id INTEGER NOT NULL, issued DATE NOT NULL, ${line}, PRIMARY KEY (order_id, no)`;
const tables = {
  wide_rows: wideColumns,
  allowed_rows: wideColumns,
  documents: 'id INTEGER PRIMARY KEY, issued DATE NOT NULL, body JSON NOT NULL',
  heads: 'id INTEGER PRIMARY KEY, issued DATE NOT NULL, note VARCHAR(50)',
  items: `order_id INTEGER NOT NULL, ${line}, kind VARCHAR(10) NOT NULL, PRIMARY KEY (order_id, no)`,
  loose_heads: 'id INTEGER PRIMARY KEY, issued DATE NOT NULL',
  loose_items: `order_id INTEGER NOT NULL, ${line}, PRIMARY KEY (order_id, no)`,
  wrong_heads: 'id INTEGER PRIMARY KEY, issued DATE NOT NULL',
  wrong_items: `order_id INTEGER NOT NULL, ${line}, PRIMARY KEY (order_id, no)`,
  invoice_rows: `invoice_number VARCHAR(20) NOT NULL, issued DATE NOT NULL, customer_id INTEGER NOT NULL,
    customer_name VARCHAR(100) NOT NULL, customer_city VARCHAR(100), line_no INTEGER NOT NULL,
    product VARCHAR(100) NOT NULL, quantity INTEGER NOT NULL, PRIMARY KEY (invoice_number, line_no)`,
};
const onlyTables = Object.entries(tables).map(([name, columns]) => `CREATE TABLE ${name} (${columns})`);
const order: Order = {
  id: 7,
  issued: '2026-02-28',
  lines: [
    { no: 1, product: 'nut' },
    { no: 2, product: 'bolt' },
  ],
};

interface Lossy {
  readonly what: string;
  readonly of: typeof wide;
  readonly tables: readonly string[];
  readonly change: string;
  readonly undone: string;
  readonly lost: string;
}

const lossy: readonly Lossy[] = [
  {
    what: 'a line that disagrees with its order',
    of: wide,
    tables: ['wide_rows'],
    change: "UPDATE wide_rows SET issued = '2020-01-01' WHERE no = 2",
    undone: "UPDATE wide_rows SET issued = '2026-02-28' WHERE no = 2",
    lost: 'wide_rows.issued',
  },
  {
    what: 'a member of a nested list',
    of: nested,
    tables: ['documents'],
    change: `UPDATE documents SET body = '[{"no":1,"product":"nut","gift":true},{"no":2,"product":"bolt"}]'`,
    undone: `UPDATE documents SET body = '[{"product":"nut","no":1}, {"product":"bolt","no":2}]'`,
    lost: 'documents.body',
  },
  {
    what: 'a column',
    of: filtered,
    tables: ['heads', 'items'],
    change: "UPDATE heads SET note = 'ring twice'",
    undone: 'UPDATE heads SET note = NULL',
    lost: 'heads.note',
  },
  {
    what: 'a row of a child table',
    of: filtered,
    tables: ['heads', 'items'],
    change: "INSERT INTO items (order_id, no, product, kind) VALUES (7, 3, 'saw', 'gift')",
    undone: "DELETE FROM items WHERE kind = 'gift'",
    lost: 'a row of items',
  },
];

forEachEngineRole(
  'rows of functions',
  (at) => {
    beforeEach(async () => {
      for (const table of Object.keys(tables)) await at().sql(`DELETE FROM ${table}`);
    });
    const contents = async (names: readonly string[]) =>
      await Promise.all(names.map((name) => at().sql(`SELECT * FROM ${name} ORDER BY 1, 2`)));

    describe.each(lossy)('$what that the shape drops', ({ of, tables, change, undone, lost }) => {
      const patched = writeOf(of, { ...order, issued: '2026-03-01' }, { kind: 'replace' });

      beforeEach(async () => {
        expect(await writeOne(at().store, of, writeOf(of, order))).toMatchObject({ status: 'applied' });
        expect(await readOne(at().store, of, ['7'])).toMatchObject({ lossy: null });
        await at().sql(change);
      });

      test('is told where it is read, and not once it is gone', async () => {
        const { store, sql } = at();
        const { image } = writeOf(of, order);
        expect(await readOne(store, of, ['7'])).toMatchObject({
          image,
          lossy: `toRows does not give back ${lost}`,
        });
        await sql(undone);
        expect(await readOne(store, of, ['7'])).toMatchObject({ image, lossy: null });
      });

      test('is neither replaced nor deleted, alone, in a list, or in a transaction', async () => {
        const { store } = at();
        const before = await contents(tables);
        const failure = { code: 'LossyShape', message: expect.stringContaining(lost) };
        expect(await writeOne(store, of, patched)).toMatchObject({ status: 'failed', failure });
        expect(await writeOne(store, of, deleteOf(['7']))).toMatchObject({ status: 'failed', failure });
        const other = writeOf(of, { ...order, id: 8 });
        expect(await store.write(of, [deleteOf(['7']), other], fence)).toMatchObject([
          { status: 'failed', failure },
          { status: 'applied' },
        ]);
        await store.write(of, [deleteOf(['8'])], fence);
        const attempt = {
          migration: fence.migration,
          transaction: `${of.name}-${lost}`,
          attempt: '1',
          coordinator: 'legacy' as const,
        };
        const changes = [{ entity: of, item: deleteOf(['7']) }];
        expect(await store.applyTransaction(attempt, changes, fence)).toMatchObject({
          status: 'not applied',
          outcome: { status: 'failed', failure },
        });
        expect(await contents(tables)).toEqual(before);
      });

      test('stays in a secondary, which takes what is older than it as it always does', async () => {
        const { store, asSecondary } = at();
        const { version } = await readOne(store, of, ['7']);
        const before = await contents(tables);
        await asSecondary();
        const given = { mode: 'secondary', operationId: null } as const;
        const newer = String(BigInt(version) + 1n);
        for (const item of [
          { ...patched, ...given, version: newer },
          { ...deleteOf(['7']), ...given, version: newer },
          {
            ...patched,
            ...given,
            mode: 'tentative' as const,
            operationId: `tentative-${lost}`,
            version: newer,
          },
        ]) {
          expect(await writeOne(store, of, item)).toMatchObject({
            status: 'failed',
            failure: { code: 'LossyShape' },
          });
        }
        expect(await writeOne(store, of, { ...patched, ...given, version })).toMatchObject({
          status: 'superseded',
        });
        expect(await contents(tables)).toEqual(before);
      });

      test('stays where a backfill brings a newer version', async () => {
        const { store, asSecondary } = at();
        const { version } = await readOne(store, of, ['7']);
        const before = await contents(tables);
        await asSecondary();
        await store.planChunks(fence.migration, of.name, []);
        const [chunk] = await store.chunks(fence.migration, of.name);
        if (!chunk) throw new Error('a plan has a chunk');
        const item = {
          ...patched,
          mode: 'copy' as const,
          operationId: null,
          version: String(BigInt(version) + 1n),
        };
        expect(await copyLeftover(store, of, [item], chunk)).toMatchObject({ copied: 0, refused: 1 });
        expect(await store.differences(fence.migration, 10)).toMatchObject([
          { key: ['7'], verdict: 'refused', reason: expect.stringContaining(lost) },
        ]);
        expect(await contents(tables)).toEqual(before);
      });

      test('is counted by a scan', async () => {
        const { store } = at();
        expect(await store.scan(of, await store.pageTarget(of))).toEqual([
          { at: of.name, reason: `toRows does not give back ${lost}`, rows: 1 },
        ]);
      });
    });

    describe('rows of a child table that no record has', () => {
      const lost = 'rows of items stand without one of heads';
      const failure = { code: 'LossyShape', message: expect.stringContaining(lost) };
      const names = ['heads', 'items'];
      const orphan = "(7, 9, 'saw', 'sale')";
      const next = () => String(BigInt(writeOf(filtered, order).version) + 1n);
      let before: unknown;

      beforeEach(async () => {
        await at().sql(`INSERT INTO items (order_id, no, product, kind) VALUES ${orphan}`);
        before = await contents(names);
      });
      const planned = async () => {
        const { store } = at();
        await store.planChunks(fence.migration, filtered.name, []);
        const [chunk] = await store.chunks(fence.migration, filtered.name);
        if (!chunk) throw new Error('a plan has a chunk');
        return chunk;
      };

      test('are told by their keys, each once, in pages', async () => {
        const { store } = at();
        await store.write(filtered, [writeOf(filtered, { ...order, id: 8 })], fence);
        await at().sql(
          "INSERT INTO items (order_id, no, product, kind) VALUES (7, 10, 'oil', 'sale'), (9, 1, 'oil', 'sale')",
        );
        expect(await store.orphanKeys(filtered, null, 10)).toEqual({ keys: [['7'], ['9']], next: null });
        const { keys, next } = await store.orphanKeys(filtered, null, 1);
        expect(keys).toEqual([['7']]);
        expect(await store.orphanKeys(filtered, next, 2)).toEqual({ keys: [['9']], next: null });
      });

      test('are no part of one that is made: it is refused, alone, in a list, or in a transaction', async () => {
        const { store } = at();
        for (const kind of ['create', 'replace'] as const) {
          const item = writeOf(filtered, order, { kind });
          expect(await writeOne(store, filtered, item)).toMatchObject({ status: 'failed', failure });
          const other = writeOf(filtered, { ...order, id: 8 });
          expect(await store.write(filtered, [item, other], fence)).toMatchObject([
            { status: 'failed', failure },
            { status: 'applied' },
          ]);
          await store.write(filtered, [deleteOf(['8'])], fence);
          const attempt = {
            migration: fence.migration,
            transaction: `orphans-${kind}`,
            attempt: '1',
            coordinator: 'legacy' as const,
          };
          expect(await store.applyTransaction(attempt, [{ entity: filtered, item }], fence)).toMatchObject({
            status: 'not applied',
            outcome: { status: 'failed', failure },
          });
        }
        expect(await contents(names)).toEqual(before);
      });

      test('stay where what is not there is deleted', async () => {
        expect(await writeOne(at().store, filtered, deleteOf(['7']))).toMatchObject({
          status: 'refused',
          reason: 'NotFound',
        });
        expect(await contents(names)).toEqual(before);
      });

      test('stay in a secondary', async () => {
        const { store, asSecondary } = at();
        await asSecondary();
        const given = { mode: 'secondary', operationId: null, version: next() } as const;
        for (const item of [
          writeOf(filtered, order, { kind: 'replace', ...given }),
          { ...deleteOf(['7']), ...given },
          writeOf(filtered, order, { ...given, mode: 'tentative', operationId: 'tentative-orphans' }),
        ])
          expect(await writeOne(store, filtered, item)).toMatchObject({ status: 'failed', failure });
        expect(await contents(names)).toEqual(before);
      });

      test.each(['0', next()])('stay where a backfill brings their key in version %s', async (version) => {
        const { store, asSecondary } = at();
        await asSecondary();
        const item = writeOf(filtered, order, { mode: 'copy', operationId: null, version });
        const result = await copyLeftover(store, filtered, [item], await planned());
        expect(result).toMatchObject({ copied: 0, refused: 1 });
        expect(await store.differences(fence.migration, 10)).toMatchObject([
          { key: ['7'], verdict: 'refused', reason: expect.stringContaining(lost) },
        ]);
        expect(await contents(names)).toEqual(before);
      });

      test('are counted by a scan', async () => {
        const { store } = at();
        expect(await store.scan(filtered, await store.pageTarget(filtered))).toEqual([
          { at: 'items', reason: 'have no row of heads, and no record holds them', rows: 1 },
        ]);
      });

      test('send a page back, and the record that has them does not', async () => {
        const { store, sql, asSecondary } = at();
        await writeOne(store, filtered, writeOf(filtered, { ...order, id: 8 }));
        before = await contents(names);
        await asSecondary();
        const { pageOf } = await store.pageTarget(filtered);
        const records = [8, 7].map((id) => ({
          key: [String(id)],
          image: writeOf(filtered, { ...order, id }).image ?? {},
        }));
        const { page, notLoadable } = pageOf(records);
        expect(notLoadable).toEqual([]);
        const from = await planned();
        const load = {
          page,
          except: [],
          leftover: { items: [], unreadable: [], lossy: [] },
          from,
          next: { cursor: ['8'], done: true },
          checkExisting: false,
          checkParents: false,
        };
        expect(await store.loadPage(filtered, load, fence)).toEqual({ status: 'rejected', positions: [1] });
        expect(await contents(names)).toEqual(before);
        await sql('DELETE FROM items WHERE order_id = 7');
        expect(await store.loadPage(filtered, load, fence)).toMatchObject({ copied: 1, skipped: 1 });
      });
    });

    test.each(['create', 'copy'])(
      'where the shape allows it, a %s erases rows that no record has',
      async (way) => {
        const { store, sql, asSecondary } = at();
        const { image, ...item } = writeOf(loose, order);
        await sql("INSERT INTO loose_items (order_id, no, product) VALUES (7, 9, 'saw')");
        expect(await store.scan(loose, await store.pageTarget(loose))).toEqual([]);
        if (way === 'create')
          expect(await writeOne(store, loose, { ...item, image })).toMatchObject({ status: 'applied' });
        else {
          await asSecondary();
          await store.planChunks(fence.migration, loose.name, []);
          const [chunk] = await store.chunks(fence.migration, loose.name);
          if (!chunk) throw new Error('a plan has a chunk');
          const copied = { ...item, image, mode: 'copy', operationId: null, version: '0' } as const;
          expect(await copyLeftover(store, loose, [copied], chunk)).toMatchObject({ copied: 1 });
        }
        expect(await readOne(store, loose, ['7'])).toMatchObject({ image });
      },
    );

    test('what comes in with a backfill without all of its rows is told', async () => {
      const { store, asSecondary } = at();
      await asSecondary();
      await store.planChunks(fence.migration, wide.name, []);
      const [chunk] = await store.chunks(fence.migration, wide.name);
      if (!chunk) throw new Error('a plan has a chunk');
      const item = writeOf(wide, order, { mode: 'copy', operationId: null, version: '0' });
      const told = { lossy: [{ key: ['7'], reason: 'toRows does not give back x' }] };
      expect(await copyLeftover(store, wide, [item], chunk, told)).toMatchObject({
        copied: 1,
        skipped: 0,
        refused: 0,
      });
      expect(await store.differences(fence.migration, 10)).toMatchObject([
        { key: ['7'], verdict: 'lossy', reason: 'toRows does not give back x' },
      ]);
    });

    test('a page leaves out what its images do not hold', async () => {
      const { store, sql } = at();
      for (const id of [7, 8]) await writeOne(store, wide, writeOf(wide, { ...order, id }));
      await sql("UPDATE wide_rows SET issued = '2020-01-01' WHERE order_id = 7 AND no = 2");
      const page = await store.readImages(wide, { after: null, upTo: null, limit: 10 });
      expect(page?.records.map(({ key }) => key)).toEqual([['8']]);
      expect(page?.notLoadable).toEqual([['7']]);
    });

    test('what the shape allows to be dropped is no loss', async () => {
      const { store, sql } = at();
      await writeOne(store, allowed, writeOf(allowed, order));
      await sql("UPDATE allowed_rows SET issued = '2020-01-01' WHERE no = 2");
      expect(await readOne(store, allowed, ['7'])).toMatchObject({ lossy: null });
      const replacing = writeOf(allowed, order, { kind: 'replace' });
      expect(await writeOne(store, allowed, replacing)).toMatchObject({ status: 'applied' });
      expect(await sql('SELECT DISTINCT issued FROM allowed_rows')).toHaveLength(1);
    });

    test('copies of a shared record that disagree are none either, but who it is counts', async () => {
      const { store, sql } = at();
      const bill: Invoice = {
        number: 'A',
        issued: '2026-02-28',
        customer: { id: 1, name: 'Acme', city: null },
        lines: [1, 2].map((position) => ({ position, product: 'nut', quantity: 1 })),
      };
      await writeOne(store, invoice, writeOf(invoice, bill));
      await sql("UPDATE invoice_rows SET customer_name = 'Acme Ltd' WHERE line_no = 2");
      expect(await readOne(store, invoice, ['A'])).toMatchObject({ lossy: null });
      await sql('UPDATE invoice_rows SET customer_id = 2 WHERE line_no = 2');
      expect(await readOne(store, invoice, ['A'])).toMatchObject({
        lossy: 'toRows does not give back invoice_rows.customer_id',
      });
    });

    test.each([
      [1, /gave no row of "wrong_heads"/],
      [2, /gave a row of "wrong_heads" with another key/],
      [4, /gave a row of "wrong_items" with another key/],
    ])('order %i, whose rows are not its own, is refused', async (id, message) => {
      const { store } = at();
      const failure = { code: 'StoreRefused', about: 'row', message: expect.stringMatching(message) };
      expect(await writeOne(store, wrongRows, writeOf(wrongRows, { ...order, id }))).toMatchObject({
        status: 'failed',
        failure,
      });
      expect(await contents(['wrong_heads', 'wrong_items'])).toEqual([[], []]);
    });
  },
  { entities: [wide, allowed, nested, filtered, loose, wrongRows, invoice], onlyTables },
);
