import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import type { CopyPage, LoadResult } from '../../databases/contract/backfill.ts';
import type { Store } from '../../databases/contract/store.ts';
import { createGuardedWrites } from '../../databases/sql/guarded-write.ts';
import type { Key } from '../../model/canonical.ts';
import { defineMigration } from '../../model/migration.ts';
import { type Account, account } from '../support/accounts.ts';
import { withoutGuard } from '../support/unguarded.ts';
import {
  accessOver,
  deleteOf,
  type EngineRole,
  fence,
  imageFrom,
  migrationName,
  type Opened,
  openEngineAs,
  openRole,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';
import { invoice } from './entities.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const nothing = { items: [], unreadable: [], lossy: [] };
const copied = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
const secondaryWrite = { mode: 'secondary', kind: 'replace', operationId: null } as const;
const targets: EngineRole[] = [
  { engine: 'PostgreSQL', role: 'modern' },
  { engine: 'MariaDB', role: 'modern' },
];

describe.each(targets)('a page under live writes at $engine', (engineRole) => {
  let at: Opened;
  let unguarded: Store['loadPage'];
  let release: () => Promise<void>;
  beforeAll(async () => {
    at = await openRole(engineRole);
    await at.asSecondary();
    const without = withoutGuard(
      at.url,
      defineMigration({ name: migrationName, entities: [account], deadline: '2100-01-01T00:00:00Z' }),
    );
    unguarded = without.loadPage;
    release = without.close;
  });
  afterAll(async () => {
    await release?.();
    await at?.[Symbol.asyncDispose]();
  });
  const records = engineRole.engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
  beforeEach(async () => {
    for (const table of ['accounts', 'invoice_lines', 'invoices', 'customers'])
      await at.sql(`DELETE FROM ${table}`);
    await at.sql(`DELETE FROM ${records}`);
    await at.store.clearChunks(migrationName, null);
    await at.store.planChunks(migrationName, 'account', []);
  });

  async function accountPage(values: readonly Account[]): Promise<CopyPage> {
    const into = await at.store.pageTarget(account);
    const records = values.map((value) => ({
      key: [String(value.id)],
      image: imageFrom(account, value),
    }));
    return into.pageOf(records).page;
  }

  /** A page of old rows without leftover. */
  async function copy(values: readonly Account[], by = at.store.loadPage, cursor: Key | null = null) {
    const page = await accountPage(values);
    const [from] = await at.store.chunks(migrationName, 'account');
    if (!from) throw new Error('no chunk is planned');
    return await by(
      account,
      {
        page,
        except: [],
        leftover: nothing,
        from,
        next: { cursor, done: false },
        checkExisting: false,
        checkParents: false,
      },
      fence,
    );
  }

  /** Holds whoever writes this email until it is told to go. */
  async function holding(email: string) {
    const blocker = await at.another();
    await blocker.rows('START TRANSACTION');
    await blocker.rows(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (9000, 'other', '${email}', 1)`,
    );
    return { go: () => blocker.rows('ROLLBACK') };
  }

  test('does not bring back what a delete removes while the page is under way', async () => {
    const watcher = await at.another();
    const blocker = await holding('held 12');
    const copying = copy([
      { ...ada, id: 11 },
      { ...ada, id: 12, email: 'held 12' },
    ]);
    await watcher.waiting(1);
    const deleting = writeOne(at.store, account, deleteOf(['11'], { ...secondaryWrite, version: '5' }));
    // At PostgreSQL the delete does not see the row, and is over before the page is; elsewhere it waits.
    const over = Promise.race([deleting, watcher.waiting(2)]);
    await over;
    await blocker.go();
    expect(await deleting).toEqual({ status: 'applied', version: '5' });
    expect((await copying).status).toBe('committed');
    expect(await at.sql('SELECT id FROM accounts WHERE id IN (11, 12)')).toEqual([{ id: '12' }]);
    expect(await readOne(at.store, account, ['11'])).toMatchObject({ version: '5', deleted: true });
  });

  /** A live delete that has found no row, and is not committed: its tombstone cannot be seen when the page is copied. */
  async function deleteInFlight(id: number) {
    const engine = openEngineAs(engineRole.role, at.url);
    const context = accessOver(engineRole.role, engine);
    const writes = createGuardedWrites(context);
    const bound = await context.bind(account);
    const written = Promise.withResolvers<void>();
    const committed = Promise.withResolvers<void>();
    const { ready } = writes.rows(bound, [deleteOf([String(id)], { ...secondaryWrite, version: '5' })]);
    const transaction = engine.transaction(async (session) => {
      await writes.call(session, bound, ready, fence);
      written.resolve();
      await committed.promise;
    });
    await Promise.race([written.promise, transaction]);
    return {
      async commit() {
        committed.resolve();
        await transaction;
        await engine.close();
      },
    };
  }

  test('waits for another attempt at the same page, and is overtaken by it', async () => {
    const watcher = await at.another();
    const blocker = await holding('held 32');
    const values = [
      { ...ada, id: 31 },
      { ...ada, id: 32, email: 'held 32' },
    ];
    const first = copy(values, at.store.loadPage, ['32']);
    await watcher.waiting(1);
    const second = copy(values, at.store.loadPage, ['32']);
    await watcher.waiting(2);
    await blocker.go();
    expect(await first).toMatchObject({ status: 'committed', copied: 2 });
    expect(await second).toEqual({ status: 'overtaken' });
    expect(await at.store.chunks(migrationName, 'account')).toMatchObject([{ copied: 2, skipped: 0 }]);
  });

  test('waits for a delete that is under way, and stays behind it', async () => {
    const watcher = await at.another();
    const flight = await deleteInFlight(20);
    const copying = copy([
      { ...ada, id: 20 },
      { ...ada, id: 21 },
    ]);
    await Promise.race([copying, watcher.waiting(1)]);
    await flight.commit();
    expect(await copying).toMatchObject({ status: 'committed', copied: 1, skipped: 1 });
    expect(await at.sql('SELECT id FROM accounts')).toEqual([{ id: '21' }]);
    expect(await readOne(at.store, account, ['20'])).toMatchObject({ version: '5', deleted: true });
  });

  test('waits for it also where other keys have records already', async () => {
    const watcher = await at.another();
    for (const id of ['1', '2', '3'])
      await writeOne(at.store, account, deleteOf([id], { ...secondaryWrite, version: '5' }));
    const flight = await deleteInFlight(25);
    const copying = copy([{ ...ada, id: 25 }]);
    await Promise.race([copying, watcher.waiting(1)]);
    await flight.commit();
    expect(await copying).toMatchObject({ status: 'committed', copied: 0, skipped: 1 });
    expect(await at.sql('SELECT id FROM accounts')).toEqual([]);
  });

  test('waits for a list that deletes, and stays behind it', async () => {
    const watcher = await at.another();
    const blocker = await holding('held 41');
    const given = { ...secondaryWrite, version: '5' };
    const list = [deleteOf(['40'], given), writeOf(account, { ...ada, id: 41, email: 'held 41' }, given)];
    const live = at.store.write(account, list, fence);
    await watcher.waiting(1);
    const copying = copy([
      { ...ada, id: 40 },
      { ...ada, id: 42 },
    ]);
    await Promise.race([copying, watcher.waiting(2)]);
    await blocker.go();
    expect(await live).toMatchObject([{ status: 'applied' }, { status: 'applied' }]);
    expect(await copying).toMatchObject({ status: 'committed', copied: 1, skipped: 1 });
    expect(await at.sql('SELECT id FROM accounts ORDER BY id')).toEqual([{ id: '41' }, { id: '42' }]);
  });

  test('without its guard would bring the row back', async () => {
    const flight = await deleteInFlight(30);
    expect(await copy([{ ...ada, id: 30 }], unguarded)).toMatchObject({ copied: 1 });
    await flight.commit();
    expect(await readOne(at.store, account, ['30'])).toMatchObject({ version: '5', deleted: true });
    expect(await at.sql('SELECT id FROM accounts')).toEqual([{ id: '30' }]);
  });

  test('gives way to a live write of the same key that is under way', async () => {
    const watcher = await at.another();
    const blocker = await holding('held 42');
    const writing = at.store.write(
      account,
      [
        writeOf(account, { ...ada, id: 41, owner: 'live' }, { ...secondaryWrite, version: '5' }),
        writeOf(account, { ...ada, id: 42, email: 'held 42' }, { ...secondaryWrite, version: '5' }),
      ],
      fence,
    );
    await watcher.waiting(1);
    const copying = copy([
      { ...ada, id: 40 },
      { ...ada, id: 41 },
    ]);
    await watcher.waiting(2);
    await blocker.go();
    await writing;
    expect(await copying).toMatchObject({ copied: 1, skipped: 1 });
    const rows = await at.sql('SELECT id, owner FROM accounts ORDER BY id');
    expect(rows.map(({ id, owner }) => [id, owner])).toEqual([
      ['40', 'Ada'],
      ['41', 'live'],
      ['42', 'Ada'],
    ]);
  });

  test('ends at the live writes, whoever comes first', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => 1_000 + index);
    const live = ids.map((id, index) =>
      index % 3 === 0
        ? deleteOf([String(id)], { ...secondaryWrite, version: '9' })
        : writeOf(account, { ...ada, id, owner: 'live' }, { ...secondaryWrite, version: '9' }),
    );
    const pages = [0, 20, 40].map((first) => ids.slice(first, first + 20));
    // What a live write has put in between a look and the load is rejected, and loaded again as leftover.
    const leftover = async (keys: readonly Key[]) => ({
      items: keys.map(([id]) => writeOf(account, { ...ada, id: Number(id), owner: 'old' }, copied)),
      unreadable: [],
      lossy: [],
    });
    const copies = (async () => {
      const results: LoadResult[] = [];
      for (const ids of pages) {
        const [from] = await at.store.chunks(migrationName, 'account');
        if (!from) throw new Error('no chunk is planned');
        const page = await accountPage(ids.map((id) => ({ ...ada, id, owner: 'old' })));
        const next = { cursor: null, done: false };
        const step = { from, next, checkExisting: false, checkParents: false };
        const pending = { page, notLoadable: [] };
        results.push(await loadPending(at.store, account, { leftover }, pending, step, fence));
      }
      return results;
    })();
    await Promise.all([copies, ...live.map((write) => writeOne(at.store, account, write))]);
    expect((await copies).every(({ status }) => status === 'committed')).toBe(true);
    const stored = await at.store.read(
      account,
      ids.map((id) => [String(id)]),
    );
    expect(stored.map(({ version, image }) => ({ version, image }))).toEqual(
      live.map(({ image }) => ({ version: '9', image })),
    );
    expect(await at.control('records', 'version = 0')).toEqual([]);
  });

  test('of keys with several rows waits for a live write of one of them, and leaves it alone', async () => {
    const watcher = await at.another();
    const live = await at.another();
    await at.store.planChunks(migrationName, 'invoice', []);
    const { pageOf } = await at.store.pageTarget(invoice);
    const { page } = pageOf(
      ['A', 'B'].map((number) => ({
        key: [number],
        image: imageFrom(invoice, {
          number,
          issued: '2024-01-01',
          customer: { id: 7, name: 'Ada', city: null },
          lines: [1, 2].map((position) => ({ position, product: 'tea', quantity: position })),
        }),
      })),
    );
    await live.rows('START TRANSACTION');
    await live.rows(
      `INSERT INTO ${records} (entity, record_key, version, deleted) VALUES ('invoice', '["A"]', 5, ${engineRole.engine === 'PostgreSQL' ? 'true' : '1'})`,
    );
    const [from] = await at.store.chunks(migrationName, 'invoice');
    if (!from) throw new Error('no chunk is planned');
    const copying = at.store.loadPage(
      invoice,
      {
        page,
        except: [],
        leftover: nothing,
        from,
        next: { cursor: null, done: true },
        checkExisting: false,
        checkParents: false,
      },
      fence,
    );
    await watcher.waiting(1);
    await live.rows('COMMIT');
    expect(await copying).toMatchObject({ status: 'committed', copied: 1, skipped: 1, refused: 0 });
    expect(await at.sql(`SELECT number FROM invoices WHERE number IN ('A', 'B')`)).toEqual([{ number: 'B' }]);
    const lines = `SELECT invoice_number, position FROM invoice_lines WHERE invoice_number IN ('A', 'B') ORDER BY position`;
    expect(await at.sql(lines)).toEqual([
      { invoice_number: 'B', position: '1' },
      { invoice_number: 'B', position: '2' },
    ]);
    expect(await at.sql('SELECT id, name FROM customers WHERE id = 7')).toEqual([{ id: '7', name: 'Ada' }]);
    expect(await at.control('records', 'version = 0')).toEqual([]);
  });

  test('takes the locks of a leftover in the order of live writes', async () => {
    const watcher = await at.another();
    const live = await at.another();
    const lockOf = (id: number) =>
      `SELECT 1 FROM ${records} WHERE entity = 'customer' AND record_key = '["${id}"]' FOR UPDATE NOWAIT`;
    for (const id of [1, 2]) {
      await live.rows(
        `INSERT INTO ${records} (entity, record_key, version, deleted) VALUES ('customer', '["${id}"]', 5, ${engineRole.engine === 'PostgreSQL' ? 'false' : '0'})`,
      );
    }
    await at.store.clearChunks(migrationName, null);
    await at.store.planChunks(migrationName, 'invoice', []);
    const [from] = await at.store.chunks(migrationName, 'invoice');
    if (!from) throw new Error('no chunk is planned');
    const items = [
      { number: 'C', customer: 2 },
      { number: 'D', customer: 1 },
    ].map(({ number, customer }) => ({
      mode: 'copy' as const,
      kind: 'replace' as const,
      key: [number],
      image: imageFrom(invoice, {
        number,
        issued: '2024-01-01',
        customer: { id: customer, name: 'Ada', city: null },
        lines: [{ position: 1, product: 'tea', quantity: 1 }],
      }),
      version: '0',
      operationId: null,
      status: 'completed' as const,
      sharedVersions: [{ name: 'customer', key: [String(customer)], version: '5', digest: 'brought' }],
    }));
    await live.rows('START TRANSACTION');
    await live.rows(lockOf(1));
    const { pageOf } = await at.store.pageTarget(invoice);
    const copying = at.store.loadPage(
      invoice,
      {
        page: pageOf([]).page,
        except: [],
        leftover: { items, unreadable: [], lossy: [] },
        from,
        next: { cursor: null, done: true },
        checkExisting: false,
        checkParents: false,
      },
      fence,
    );
    await watcher.waiting(1);
    // It waits for the first, and does not hold the second meanwhile.
    const second = live.rows(lockOf(2));
    await expect(second).resolves.toHaveLength(1);
    await live.rows('COMMIT');
    expect(await copying).toMatchObject({ status: 'committed', copied: 2, refused: 0 });
  });
});
