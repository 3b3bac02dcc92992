import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createBackfillActivities } from '../../activities/backfill/backfill.ts';
import { createComparisonActivities } from '../../activities/comparison/compare.ts';
import { createDifferenceConfirmer } from '../../activities/comparison/confirm-differences.ts';
import { createKeyRepair } from '../../activities/comparison/repair-keys.ts';
import { partBytes } from '../../activities/fitting-parts.ts';
import { createEntryConvergence } from '../../activities/journal/converge-entries.ts';
import { LiveLatency } from '../../activities/write/live-latency.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { Key } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { HybridClock } from '../../model/version.ts';
import { writeOf, writeOne } from '../databases/engine-roles.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { type Fixture, fixture } from '../support/harness.ts';

interface Doc {
  id: number;
  body: Uint8Array;
  tags: unknown;
}

// Rows with JSON are compared by reading.
const doc = entity({
  name: 'doc',
  schema: z.custom<Doc>(),
  fields: { id: field.integer(), body: field.bytes(), tags: field.json() },
  key: 'id',
  legacy: table('docs'),
  modern: table('docs'),
});
const route = { epoch: 1, primary: 'legacy', secondary: 'modern' } as const;
/** As text, two digits a byte, each is larger than a part. */
const large = partBytes / 2 + 1;
const sizes = [10, large, large, large, 10, 10];
const keys: readonly Key[] = sizes.map((_, id) => [String(id)]);

let at: Fixture;
beforeAll(async () => {
  at = await fixture({
    entities: [doc],
    tables: {
      legacy: ['CREATE TABLE docs (id INTEGER PRIMARY KEY, body LONGBLOB, tags JSON)'],
      modern: ['CREATE TABLE docs (id integer PRIMARY KEY, body bytea, tags jsonb)'],
    },
  });
  await writeFirstRoute(at.stores, at.migration.name, 'backfill');
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** Written while the other store took no part, and owed to it. */
beforeEach(async () => {
  for (const store of ['legacy', 'modern'] as const) {
    const prefix = store === 'legacy' ? 'lockstep_' : 'lockstep.';
    for (const name of ['docs', `${prefix}records`, `${prefix}operations`, `${prefix}differences`])
      await at.sql[store](`DELETE FROM ${name}`);
  }
  const fence = { migration: at.migration.name, epoch: 1 };
  for (const [id, size] of sizes.entries()) {
    const value = { id, body: new Uint8Array(size).fill(7), tags: [] };
    const item = writeOf(doc, value, { version: '5', operationId: `op-${id}`, status: 'pending' });
    await writeOne(at.stores.legacy, doc, item, fence);
  }
});

/** What activities work with, and the most bytes of rows that they had a store read at a time, beside those of one row. */
function watched() {
  let underWay: Key[] = [];
  const most = { keys: 0, large: 0 };
  const watch = (store: Store): Store => ({
    ...store,
    async read(of, some) {
      underWay = [...underWay, ...some];
      const found = underWay.filter(([id]) => sizes[Number(id)] === large).length;
      most.large = Math.max(most.large, found);
      most.keys = Math.max(most.keys, underWay.length);
      try {
        return await store.read(of, some);
      } finally {
        underWay = underWay.filter((key) => !some.includes(key));
      }
    },
  });
  const context = {
    migration: at.migration,
    stores: { ...at.stores, legacy: watch(at.stores.legacy) },
    clock: new HybridClock(),
    wait: async () => undefined,
    removeSchedules: async () => [],
    log: () => undefined,
  };
  const run = <T>(work: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(work);
  return { context, run, most };
}

const arrived = async () => Number((await at.sql.modern('SELECT count(*) AS n FROM docs'))[0]?.n);

test('what a backfill catches up with is read a part at a time', async () => {
  const { context, run, most } = watched();
  const { catchUp } = createBackfillActivities(context, new LiveLatency());
  expect(await run(() => catchUp({ entity: 'doc', after: null }))).toMatchObject({ changed: sizes.length });
  expect(await arrived()).toBe(sizes.length);
  expect(most).toMatchObject({ large: 1 });
});

test('so is what a target has refused', async () => {
  const refused = keys.map((key) => ({ entity: 'doc', key, verdict: 'refused' as const, reason: 'full' }));
  await at.stores.modern.recordDifferences(at.migration.name, refused);
  const { context, run, most } = watched();
  const { retryRefused } = createBackfillActivities(context, new LiveLatency());
  expect(await run(() => retryRefused({ entity: 'doc' }))).toBe(sizes.length);
  expect(await at.stores.modern.differences(at.migration.name, 10)).toEqual([]);
  expect(most).toMatchObject({ large: 1 });
});

test('so is what a journal owes', async () => {
  const { context, run, most } = watched();
  const entries = await at.stores.legacy.journal({
    migration: at.migration.name,
    statuses: ['pending'],
    limit: 100,
  });
  const { convergeEntries } = createEntryConvergence(context);
  const { converged } = await run(() => convergeEntries(entries, route));
  expect(converged.length).toBe(sizes.length);
  expect(most).toMatchObject({ large: 1 });
});

test('so is what seems to differ, and none of it is kept', async () => {
  const { context, run, most } = watched();
  const { confirm } = createDifferenceConfirmer(context);
  const { inFlight } = await run(() => confirm(doc, keys, route));
  expect(inFlight.map(({ verdict }) => verdict)).toEqual(keys.map(() => 'missing'));
  expect(inFlight.map(({ primary }) => primary)).toEqual(keys.map(() => ({ version: '5' })));
  expect(most).toMatchObject({ large: 1 });
});

test('so is what is repaired', async () => {
  const { context, run, most } = watched();
  const { repair } = createKeyRepair(context);
  expect(await run(() => repair(doc, keys, route, null))).toEqual([]);
  expect(await arrived()).toBe(sizes.length);
  expect(most).toMatchObject({ large: 1 });
});

test('so is what is compared by reading, also where pages are beside one another', async () => {
  const { context, run, most } = watched();
  const { compareSlice } = createComparisonActivities(context);
  const from = { stage: 'rows', after: null } as const;
  const found = await run(() => compareSlice({ entity: 'doc', from, sliceMs: 60_000 }));
  expect(found).toMatchObject({ compared: sizes.length, inFlight: sizes.length, whole: true });
  expect(most).toMatchObject({ large: 1 });
});
