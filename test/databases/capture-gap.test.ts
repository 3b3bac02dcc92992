import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';
import { forEachEngineRole, openRole } from './engine-roles.ts';

const item = entity({
  name: 'item',
  schema: z.strictObject({ id: z.int() }),
  key: 'id',
  legacy: table('items'),
  modern: table('items'),
});

forEachEngineRole(
  'what no trigger notices',
  (at, { engine }) => {
    test.skipIf(engine === 'PostgreSQL')(
      'is told with the tables that this account could empty',
      async () => {
        const given = new URL(at().url);
        const database = given.pathname.slice(1);
        given.username = `${database.slice(-12)}_drops`;
        given.password = 'invented';
        const account = `'${given.username}'@'127.0.0.1'`;
        await at().sql(`CREATE USER ${account} IDENTIFIED BY 'invented'`);
        try {
          await at().sql(`GRANT SELECT ON \`${database.replaceAll('_', '\\_')}\`.* TO ${account}`);
          const store = at().open({ url: given.href });
          const told = await store.captureGap();
          expect(told).toContain('TRUNCATE fires no trigger');
          expect(told).not.toContain('this account may');
          await at().sql(`GRANT DROP ON ${database}.items TO ${account}`);
          expect(await store.captureGap()).toContain('this account may do so with items.');
        } finally {
          await at().sql(`DROP USER ${account}`);
        }
      },
    );
  },
  { entities: [item], onlyTables: ['CREATE TABLE items (id INT PRIMARY KEY)'] },
);

test('in PostgreSQL it is what is done to a single partition', async () => {
  const onlyTables = [
    'CREATE TABLE items (id integer PRIMARY KEY) PARTITION BY RANGE (id)',
    'CREATE TABLE other_items PARTITION OF items DEFAULT',
  ];
  await using at = await openRole({ engine: 'PostgreSQL', role: 'legacy' }, { entities: [item], onlyTables });
  expect(await at.store.captureGap()).toMatch(/TRUNCATE, DETACH and DROP of a single partition .*\(items\)/);
  await at.store.capture(item, true);
  await at.sql('INSERT INTO items VALUES (1)');
  await at.store.deleteCaptured((await at.store.captured(10)).map(({ id }) => id));
  await at.sql('TRUNCATE items');
  expect(await at.store.captured(10)).toMatchObject([{ entity: 'item', key: ['1'] }]);
});
