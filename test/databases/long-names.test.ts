import { Client } from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { openTransaction } from '../../client/service/caller-transaction.ts';
import { touchAnswerIn } from '../../databases/contract/touch.ts';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';
import { caller } from './caller.ts';
import {
  fence,
  forEachEngineRole,
  operationId,
  readOne,
  routinesOf,
  writeOf,
  writeOne,
} from './engine-roles.ts';

function named(name: string, tableName: string) {
  return entity({
    name,
    schema: z.strictObject({ id: z.int(), label: z.string() }),
    key: 'id',
    legacy: table(tableName),
    modern: table(tableName),
  });
}

/** As long as a name may be, and alike to the last letter; a third name is how both begin. */
const start = 'as_long_as_the_name_of_an_entity_may_be';
const [first, second, beginning] = [
  named(`${start}1`, 'firsts'),
  named(`${start}2`, 'seconds'),
  named(start, 'starts'),
];
const tables = ['firsts', 'seconds', 'starts'];

forEachEngineRole(
  'long names',
  (at, engineRole) => {
    const marks = async () => (await at().store.captured(100)).map(({ entity: of, key }) => [of, ...key]);

    beforeEach(async () => {
      for (const name of tables) await at().sql(`DELETE FROM ${name}`);
    });

    test('entities that differ in their last letter alone stay apart when they are written and touched', async () => {
      const { store, url } = at();
      await writeOne(store, first, writeOf(first, { id: 1, label: 'first' }, { version: '50' }));
      await writeOne(store, second, writeOf(second, { id: 1, label: 'second' }, { version: '60' }));
      await using service = await caller(url);
      await service.sql('BEGIN');
      for (const keys of [[['1']], [['1'], ['2']]]) {
        const request = { keys, version: '100', id: operationId(), fence, mayBeSilent: false };
        const touched = await openTransaction(service.tx).run(await store.touchStatement(first, request));
        expect(touchAnswerIn(touched, request)?.absent).toEqual(keys.map(([id]) => id === '2'));
      }
      await service.sql('COMMIT');
      expect(await readOne(store, first, ['1'])).toMatchObject({ version: '101', image: { label: 'first' } });
      expect(await readOne(store, second, ['1'])).toMatchObject({
        version: '60',
        image: { label: 'second' },
      });
    });

    test('so they do when others write their tables, and the triggers of one end', async () => {
      const { store, sql } = at();
      for (const one of [first, second]) await store.capture(one, true);
      for (const name of tables) await sql(`INSERT INTO ${name} VALUES (1, 'x')`);
      expect(await marks()).toEqual([
        [first.name, '1'],
        [second.name, '1'],
      ]);
      await store.capture(first, false);
      if (engineRole.engine === 'PostgreSQL') await sql('TRUNCATE firsts, seconds');
      else for (const name of tables) await sql(`DELETE FROM ${name}`);
      expect((await marks()).slice(2)).toEqual([[second.name, '1']]);
      await store.capture(second, false);
    });

    test('the triggers of a name are not those of one that it begins', async () => {
      const { store, open } = at();
      const other = open({ entities: [beginning] });
      await store.capture(first, true);
      expect([await store.isCapturing(), await other.isCapturing()]).toEqual([true, false]);
      await other.capture(beginning, true);
      await store.capture(first, false);
      expect([await store.isCapturing(), await other.isCapturing()]).toEqual([false, true]);
      await other.capture(beginning, false);
    });

    test.runIf(engineRole.engine === 'PostgreSQL')('the server cuts none of their names', async () => {
      const { store, url } = at();
      await using client = new Closing(url);
      await client.connect();
      const cut: (string | undefined)[] = [];
      client.on('notice', ({ code, message }) => {
        if (code === identifierCut) cut.push(message);
      });
      await client.query(`CREATE TEMP TABLE ${'long'.repeat(20)} (id int)`);
      expect(cut).toHaveLength(1);
      for (const statements of [
        await routinesOf(engineRole.role, url, first),
        await store.captureStatements(first, true),
        await store.captureStatements(first, false),
      ])
        for (const statement of statements) await client.query(statement);
      expect(cut).toHaveLength(1);
    });
  },
  {
    entities: [first, second],
    onlyTables: tables.map((name) => `CREATE TABLE ${name} (id INT PRIMARY KEY, label VARCHAR(20) NOT NULL)`),
  },
);

/** What PostgreSQL says where it cuts a name. */
const identifierCut = '42622';

class Closing extends Client implements AsyncDisposable {
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
