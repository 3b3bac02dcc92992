import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../../databases/contract/store.ts';
import { entity } from '../../model/entity.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { table } from '../../model/shape.ts';
import { forEachEngineRole, readOne, writeOf, writeOne } from './engine-roles.ts';

const note = entity({
  name: 'note',
  schema: z.strictObject({ id: z.int(), body: z.string(), count: z.int() }),
  key: 'id',
  legacy: table('notes'),
  modern: table('notes'),
});
const columns = 'id INTEGER PRIMARY KEY, body VARCHAR(20) NOT NULL, count INTEGER NOT NULL';
const of = (id: number, body = 'as it was') => ({ id, body, count: id });

// The statements that a service has prepared on its connections, and what it knows of the tables, are older than the tables then.
forEachEngineRole(
  'tables that change under a running service',
  (at, { engine }) => {
    let service: Store;
    const change = (changes: string) => at().sql(`ALTER TABLE notes ${changes}`);
    const retype = (type: string) =>
      change(engine === 'PostgreSQL' ? `ALTER COLUMN body TYPE ${type}` : `MODIFY body ${type} NOT NULL`);
    const bodyOf = async (id: number) =>
      (await at().sql(`SELECT body FROM notes WHERE id = ${id}`)).map(({ body }) => body);
    /** On several connections, each of which has the statements prepared. */
    const many = (ids: readonly number[], body?: string) =>
      Promise.all(ids.map((id) => writeOne(service, note, writeOf(note, of(id, body), { kind: 'replace' }))));
    const ids = [1, 2, 3, 4, 5, 6, 7, 8];
    /** Its code, where it was refused. */
    const codeOf = async (work: Promise<unknown>) => {
      try {
        const outcome = await work;
        const { failure } = outcome as { failure?: { code: string } };
        return failure?.code ?? (outcome as { status: string }).status;
      } catch (error) {
        if (!isLockstepError(error)) throw error;
        return error.code;
      }
    };

    beforeEach(async () => {
      await at().sql('DROP TABLE notes');
      await at().sql(`CREATE TABLE notes (${columns})`);
      service = at().open();
      for (const outcome of await many(ids)) expect(outcome).toMatchObject({ status: 'applied' });
      await service.read(
        note,
        ids.map((id) => [String(id)]),
      );
    });

    test('a column that came in keeps its values', async () => {
      await change("ADD COLUMN extra VARCHAR(10) DEFAULT 'none'");
      await at().sql("UPDATE notes SET extra = 'mine'");
      for (const outcome of await many([...ids, 9], 'since then'))
        expect(outcome).toMatchObject({ status: 'applied' });
      expect(await at().sql('SELECT id, body, extra FROM notes ORDER BY id')).toMatchObject([
        ...ids.map((id) => ({ id: String(id), body: 'since then', extra: 'mine' })),
        { id: '9', body: 'since then', extra: 'none' },
      ]);
      expect(await readOne(service, note, ['9'])).toMatchObject({ image: { body: 'since then' } });
    });

    test('a wider column takes what is wider, at once or when the service has looked again', async () => {
      await retype('VARCHAR(300)');
      const long = 'x'.repeat(300);
      expect(['applied', 'StoreRefused']).toContain(
        await codeOf(writeOne(service, note, writeOf(note, of(1, long), { kind: 'replace' }))),
      );
      expect(['as it was', long]).toContain((await bodyOf(1))[0]);
      const again = at().open();
      const outcome = await writeOne(again, note, writeOf(note, of(1, long), { kind: 'replace' }));
      expect(outcome).toMatchObject({ status: 'applied' });
      expect(await bodyOf(1)).toEqual([long]);
      expect(await readOne(service, note, ['1'])).toMatchObject({ image: { body: long } });
    });

    test('a narrower one cuts nothing off', async () => {
      await retype('VARCHAR(10)');
      for (const outcome of await Promise.all(
        ids.map((id) =>
          codeOf(writeOne(service, note, writeOf(note, of(id, 'longer than ten'), { kind: 'replace' }))),
        ),
      ))
        expect(outcome).toBe('StoreRefused');
      for (const id of ids) expect(await bodyOf(id)).toEqual(['as it was']);
    });

    test('without a column no write is half made, and with it again all go on', async () => {
      const rename = (from: string, to: string) => change(`RENAME COLUMN ${from} TO ${to}`);
      await rename('body', 'gone');
      for (const id of [1, 9]) {
        const item = writeOf(note, of(id, 'lost'), { kind: 'replace' });
        expect(['NotPrepared', 'StoreRefused', 'DefinitionChanged']).toContain(
          await codeOf(writeOne(service, note, item)),
        );
      }
      expect(await at().sql('SELECT id FROM notes ORDER BY id')).toHaveLength(ids.length);
      expect(await at().control('records', 'record_key = \'["9"]\'')).toEqual([]);
      await rename('gone', 'body');
      for (const outcome of await many([...ids, 9], 'found'))
        expect(outcome).toMatchObject({ status: 'applied' });
      expect(await readOne(service, note, ['9'])).toMatchObject({ image: { body: 'found' } });
    });

    test('while columns come and go, every write has its outcome', async () => {
      let isOver = false;
      const changing = (async () => {
        while (!isOver) {
          await change('ADD COLUMN extra INTEGER');
          await change('DROP COLUMN extra');
        }
      })();
      try {
        for (let round = 0; round < 10; round += 1)
          for (const outcome of await many(ids, `round ${round}`))
            expect(outcome).toMatchObject({ status: 'applied' });
      } finally {
        isOver = true;
        await changing;
      }
      for (const id of ids) expect(await bodyOf(id)).toEqual(['round 9']);
    });
  },
  { entities: [note], onlyTables: [`CREATE TABLE notes (${columns})`] },
);
