import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Again, Chunk, PageLoad } from '../../databases/contract/backfill.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { fence, forEachEngineRole, migrationName, writeOf } from './engine-roles.ts';

interface Node {
  id: number;
  parent: number | null;
}
const node = entity({
  name: 'node',
  schema: z.custom<Node>(),
  fields: { id: field.integer(), parent: field.integer() },
  key: 'id',
  legacy: table('nodes'),
  modern: table('nodes'),
});

forEachEngineRole(
  'a page with rows that lack a parent',
  (at) => {
    beforeEach(async () => {
      await at().sql('UPDATE nodes SET parent = NULL');
      await at().sql('DELETE FROM nodes');
      await at().asSecondary();
      await at().store.clearChunks(migrationName, null);
      await at().store.planChunks(migrationName, 'node', []);
    });

    async function chunk(): Promise<Chunk> {
      const [found] = await at().store.chunks(migrationName, 'node');
      if (!found) throw new Error('a range was planned');
      return found;
    }

    async function load(rows: readonly Node[], given: Partial<PageLoad>) {
      const { store } = at();
      const from = await chunk();
      const records = rows.map((row) => writeOf(node, row)).map(({ key, image }) => ({ key, image }));
      const { page } = (await store.pageTarget(node)).pageOf(
        records.flatMap(({ key, image }) => (image ? [{ key, image }] : [])),
      );
      const next = { cursor: records.at(-1)?.key ?? null, done: given.again !== undefined };
      const leftover = { items: [], unreadable: [], lossy: [] };
      return await store.loadPage(
        node,
        { page, except: [], leftover, from, next, checkExisting: false, checkParents: false, ...given },
        fence,
      );
    }

    const waiting = (backwards = false) =>
      at().store.waitingPages(migrationName, 'node', { backwards, after: null, limit: 10 });
    const there = async () =>
      (await at().sql('SELECT id FROM nodes ORDER BY id')).map(({ id }) => Number(id));

    const first: Node[] = [
      { id: 1, parent: null },
      { id: 2, parent: 9 },
      { id: 3, parent: 2 },
      { id: 4, parent: 1 },
    ];
    const second: Node[] = [
      { id: 5, parent: 8 },
      { id: 9, parent: null },
    ];
    const readAgain = (of: Again['of'] | undefined, isLast = false): Partial<PageLoad> => {
      if (!of) throw new Error('a page waits');
      return { again: { of, isLast }, checkExisting: true, checkParents: false };
    };

    test('keeps them out, with all that lean on them, and is read again until something gets in no more', async () => {
      expect(await load(first, {})).toMatchObject({ status: 'committed', copied: 2, waiting: 2, refused: 0 });
      expect(await load(second, {})).toMatchObject({ status: 'committed', copied: 1, waiting: 1 });
      expect(await there()).toEqual([1, 4, 9]);
      expect(await waiting()).toMatchObject([
        { range: 0, page: 1, lower: null, upper: ['4'], waiting: 2 },
        { range: 0, page: 2, lower: ['4'], upper: ['9'], waiting: 1 },
      ]);
      expect((await waiting(true)).map(({ page }) => page)).toEqual([2, 1]);
      expect(await chunk()).toMatchObject({ cursor: ['9'], copied: 3, skipped: 0, refused: 0 });

      const [one, other] = await waiting();
      expect(await load(first, readAgain(one))).toMatchObject({ status: 'committed', copied: 2, waiting: 0 });
      expect(await there()).toEqual([1, 2, 3, 4, 9]);
      expect(await load(second, readAgain(other))).toMatchObject({ copied: 0, waiting: 1 });
      expect(await waiting()).toMatchObject([{ page: 2, waiting: 1 }]);
      // In the end the bulk load rejects it, so that the write routine says why.
      expect(await load(second, readAgain(other, true))).toMatchObject({
        status: 'rejected',
        positions: [0],
      });
      const items = [
        writeOf(
          node,
          { id: 5, parent: 8 },
          { mode: 'copy', kind: 'replace', version: '0', operationId: null },
        ),
      ];
      const last = { ...readAgain(other, true), except: [0], leftover: { items, unreadable: [], lossy: [] } };
      expect(await load(second, last)).toMatchObject({ status: 'committed', refused: 1, waiting: 0 });
      expect(await waiting()).toEqual([]);
      expect(await at().store.differences(migrationName, 10)).toMatchObject([
        { key: ['5'], verdict: 'refused', reason: expect.stringContaining('foreign key') },
      ]);
      expect(await chunk()).toMatchObject({ cursor: ['9'], copied: 5, skipped: 0, refused: 1 });
    });

    test('counts what waits once, where another attempt was there before', async () => {
      const rows = [...first, { id: 6, parent: 77 }];
      await load(rows, {});
      const [of] = await waiting();
      await at().sql('INSERT INTO nodes VALUES (9, NULL)');
      expect(await load(rows, readAgain(of))).toMatchObject({ status: 'committed', copied: 2, waiting: 1 });
      expect(await load(rows, readAgain(of))).toEqual({ status: 'overtaken' });
      expect(await chunk()).toMatchObject({ copied: 4, skipped: 0 });
      expect(await waiting()).toMatchObject([{ waiting: 1 }]);
    });

    test('of a key that has left the source waits no more', async () => {
      await load(first, {});
      const [of] = await waiting();
      const [root, , , leaf] = first;
      if (!root || !leaf) throw new Error('there are four');
      expect(await load([root, leaf], readAgain(of))).toMatchObject({ copied: 0, skipped: 2, waiting: 0 });
      expect(await waiting()).toEqual([]);
      expect(await chunk()).toMatchObject({ copied: 2, skipped: 2 });
    });

    test('that has grown is read in two: the rest is a page of its own, behind all others', async () => {
      const rows: Node[] = [
        { id: 1, parent: 77 },
        { id: 2, parent: 9 },
        { id: 3, parent: 78 },
        { id: 4, parent: 9 },
      ];
      await load(rows, {});
      await load(second, {});
      const [of] = await waiting();
      const part = { ...readAgain(of), next: { cursor: ['2'], done: false } };
      expect(await load(rows.slice(0, 2), part)).toMatchObject({
        status: 'committed',
        copied: 1,
        waiting: 3,
      });
      expect(await waiting()).toMatchObject([
        { page: 1, lower: null, upper: ['2'], waiting: 1 },
        { page: 2, lower: ['4'], upper: ['9'], waiting: 1 },
        { page: 3, lower: ['2'], upper: ['4'], waiting: 2 },
      ]);
      expect(await chunk()).toMatchObject({ copied: 2, skipped: 0 });
      const rest = (await waiting()).at(-1);
      expect(await load(rows.slice(2), readAgain(rest))).toMatchObject({ copied: 1, waiting: 1 });
      expect(await chunk()).toMatchObject({ copied: 3, skipped: 0 });
    });

    test('has its rest read where nothing is known to wait in it', async () => {
      const rows: Node[] = [
        { id: 1, parent: 77 },
        { id: 4, parent: null },
      ];
      await load(rows, {});
      const [of] = await waiting();
      const part = { ...readAgain(of), next: { cursor: ['1'], done: false } };
      expect(await load(rows.slice(0, 1), part)).toMatchObject({ copied: 0, waiting: 2 });
      const rest = (await waiting()).at(-1);
      // One has come in the source since.
      const since = [{ id: 3, parent: null }, ...rows.slice(1)];
      expect(await load(since, readAgain(rest))).toMatchObject({ copied: 1, waiting: 0 });
      expect(await waiting()).toMatchObject([{ page: 1, upper: ['1'], waiting: 1 }]);
    });

    test('is left for later unread, once, and under its own route alone', async () => {
      const from = await chunk();
      const postponed = { from, next: { cursor: ['4'], done: false }, keys: 4 };
      const { store } = at();
      await expect(
        store.postponePage(node, postponed, { ...fence, epoch: fence.epoch + 1 }),
      ).rejects.toMatchObject({
        code: 'Fenced',
      });
      expect(await waiting()).toEqual([]);
      expect(await store.postponePage(node, postponed, fence)).toBe(true);
      expect(await store.postponePage(node, postponed, fence)).toBe(false);
      expect(await chunk()).toMatchObject({ cursor: ['4'], done: false, copied: 0, skipped: 0 });
      const found = await waiting();
      expect(found).toMatchObject([{ page: 1, lower: null, upper: ['4'], waiting: 4 }]);
      await at().sql('INSERT INTO nodes VALUES (9, NULL)');
      expect(await load(first, readAgain(found[0]))).toMatchObject({ copied: 4, waiting: 0 });
      expect(await chunk()).toMatchObject({ copied: 4, skipped: 0 });
    });

    test('is forgotten with the checkpoints', async () => {
      await load(first, {});
      await at().store.clearChunks(migrationName, null);
      expect(await waiting()).toEqual([]);
    });

    test('names the entities that come before', async () => {
      expect(await at().store.parentEntities(node)).toEqual(['node']);
    });
  },
  {
    entities: [node],
    onlyTables: [
      'CREATE TABLE nodes (id INTEGER NOT NULL PRIMARY KEY, parent INTEGER, FOREIGN KEY (parent) REFERENCES nodes (id))',
    ],
  },
);
