import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createBackfillActivities } from '../../activities/backfill/backfill.ts';
import { LiveLatency } from '../../activities/write/live-latency.ts';
import type { Store } from '../../databases/contract/store.ts';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';
import { HybridClock } from '../../model/version.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { type Fixture, fixture } from '../support/harness.ts';

const node = entity({
  name: 'node',
  schema: z.strictObject({ id: z.int(), parent: z.int().nullable(), label: z.string() }),
  key: 'id',
  legacy: table('nodes'),
  modern: table('nodes'),
});
const columns = (text: string) => `id INTEGER NOT NULL PRIMARY KEY, parent INTEGER, label ${text} NOT NULL`;
const rowsPerPage = 4;
const pages = 4;
const rows = pages * rowsPerPage;
const megabyte = 1024 * 1024;

let at: Fixture;
beforeAll(async () => {
  at = await fixture({
    entities: [node],
    tables: {
      legacy: [`CREATE TABLE nodes (${columns('LONGTEXT')})`],
      modern: [`CREATE TABLE nodes (${columns('TEXT')}, FOREIGN KEY (parent) REFERENCES nodes (id))`],
    },
    backfill: { chunkKeys: rowsPerPage },
  });
  await writeFirstRoute(at.stores, at.migration.name, 'backfill');
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** Every row waits: it refers to the next one, and the last one to one that is not there yet. */
beforeEach(async () => {
  const values = Array.from({ length: rows }, (_, id) => `(${id + 1}, ${id + 2}, 'node')`);
  await at.sql.modern('DELETE FROM nodes');
  await at.sql.legacy('DELETE FROM nodes');
  await at.sql.legacy(`INSERT INTO nodes VALUES ${values.join(', ')}`);
  await at.stores.modern.clearChunks(at.migration.name, null);
});

/** The activities of a backfill, and what is seen of them: pages as they are loaded, and pauses, which end the activity. */
function watched() {
  const environment = new MockActivityEnvironment();
  const loaded: { keys: number; bytes: number }[] = [];
  let reads = 0;
  let pauses = 0;
  const legacy: Store = {
    ...at.stores.legacy,
    readPage: (...given) => {
      reads += 1;
      return at.stores.legacy.readPage(...given);
    },
  };
  const modern: Store = {
    ...at.stores.modern,
    loadPage: (of, load, fence) => {
      loaded.push({ keys: load.page.keys, bytes: load.page.bytes });
      return at.stores.modern.loadPage(of, load, fence);
    },
  };
  const context = {
    migration: at.migration,
    stores: { ...at.stores, legacy, modern },
    clock: new HybridClock(),
    wait: async () => {
      pauses += 1;
      environment.cancel('CANCELLED');
    },
    removeSchedules: async () => [],
    log: () => undefined,
  };
  const activities = createBackfillActivities(context, new LiveLatency());
  const run = async <T>(work: () => Promise<T>): Promise<T> => await environment.run(work);
  return { run, activities, loaded, pauses: () => pauses, reads: () => reads };
}

/** The first reading, of all pages. */
async function readAll() {
  const { run, activities, reads } = watched();
  const { fingerprints, ranges } = await run(() => activities.planBackfill({ entity: 'node' }));
  for (const { range } of ranges) {
    const request = { entity: 'node', range, fingerprints, keysPerSecond: null, sliceMs: 60_000 };
    expect((await run(() => activities.copyRange(request))).progress).toMatchObject({
      done: true,
      copied: 0,
    });
  }
  const round = {
    entity: 'node',
    fingerprints,
    backwards: true,
    isLast: false,
    after: null,
    sliceMs: 60_000,
  };
  return {
    round,
    reads,
    waiting: () =>
      at.stores.modern.waitingPages(at.migration.name, 'node', { backwards: false, after: null, limit: 100 }),
  };
}

const thereNow = async () => Number((await at.sql.modern('SELECT count(*) AS n FROM nodes'))[0]?.n);

test('where no row of a page can come in, the pages behind it are left for the next round, unread', async () => {
  const { reads, waiting } = await readAll();
  // The second one is read while the first one is loaded.
  expect(reads()).toBe(2);
  const found = await waiting();
  expect(found.reduce((sum, page) => sum + page.waiting, 0)).toBe(rows);
  expect(found.length).toBeGreaterThan(2);
  expect(found.slice(1).map(({ lower }) => lower)).toEqual(found.slice(0, -1).map(({ upper }) => upper));
  expect([found[0]?.lower, found.at(-1)?.upper]).toEqual([null, [String(rows)]]);
});

test('pages that waited are read again at the rate', async () => {
  const { round, waiting } = await readAll();
  const before = await waiting();
  expect(before.length).toBeGreaterThan(1);
  await at.sql.legacy(`UPDATE nodes SET parent = NULL WHERE id = ${rows}`);
  const { run, activities, loaded, pauses } = watched();
  // So slow that the pause behind the first page lasts longer than any machine takes for it.
  const slow = await run(() => activities.copyWaiting({ ...round, keysPerSecond: 0.001 }));
  const last = before.at(-1);
  expect(slow.after).toEqual({ range: last?.range, page: last?.page });
  expect(pauses()).toBe(1);
  expect(loaded).toHaveLength(1);

  const unlimited = watched();
  const rest = { ...round, after: slow.after, keysPerSecond: null };
  expect(await unlimited.run(() => unlimited.activities.copyWaiting(rest))).toMatchObject({
    waiting: 0,
    after: null,
  });
  expect(unlimited.pauses()).toBe(0);
  expect(await thereNow()).toBe(rows);
});

test('what waits for one another comes in at the rate, and goes on where it was', async () => {
  // Two circles, each over two pages.
  await at.sql.legacy(`UPDATE nodes SET parent = 1 WHERE id = ${rows / 2}`);
  await at.sql.legacy(`UPDATE nodes SET parent = ${rows / 2 + 1} WHERE id = ${rows}`);
  await readAll();
  const { run, activities, pauses } = watched();
  const request = { entity: 'node', after: null, sliceMs: 60_000, keysPerSecond: 0.001 };
  const slow = await run(() => activities.copyCircles(request));
  expect(pauses()).toBe(1);
  expect(slow).toMatchObject({ arrived: rows / 2, after: { page: { range: 0, page: 1 }, key: null } });

  const unlimited = watched();
  const rest = { ...request, after: slow.after, keysPerSecond: null };
  const found = await unlimited.run(() => unlimited.activities.copyCircles(rest));
  expect(found).toMatchObject({ arrived: rows / 2, after: null });
});

test('pages whose rows have grown are read again in parts', async () => {
  const { round, waiting } = await readAll();
  const before = await waiting();
  await at.sql.legacy(`UPDATE nodes SET label = REPEAT('x', ${3 * megabyte}) WHERE id <= ${rowsPerPage}`);
  await at.sql.legacy(`UPDATE nodes SET parent = NULL WHERE id = ${rows}`);
  const { run, activities, loaded } = watched();
  let turn = { ...round, keysPerSecond: null };
  for (let waits = 1; waits > 0; turn = { ...turn, backwards: !turn.backwards }) {
    const { waiting: left, settled, cut } = await run(() => activities.copyWaiting(turn));
    expect(settled + cut).toBeGreaterThan(0);
    waits = left;
  }
  expect(await thereNow()).toBe(rows);
  expect(await waiting()).toEqual([]);
  expect(loaded.length).toBeGreaterThan(before.length);
  for (const { bytes } of loaded) expect(bytes).toBeLessThan(12 * megabyte);
  const chunks = await at.stores.modern.chunks(at.migration.name, 'node');
  expect(chunks.reduce((sum, { copied }) => sum + copied, 0)).toBe(rows);
  expect(chunks.reduce((sum, { skipped, refused }) => sum + skipped + refused, 0)).toBe(0);
});
