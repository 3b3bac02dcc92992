import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { rows, table } from '../../model/shape.ts';
import { account } from '../support/accounts.ts';

/** As a configuration in JavaScript, or one that Node runs without a look at its types. */
const untyped = <A extends unknown[], R>(call: (...args: A) => R) => call as (...args: unknown[]) => R;

const sound = { name: 'move', entities: [account], deadline: '2100-01-01T00:00:00Z' };
const migration = (given: object) => () => untyped(defineMigration)({ ...sound, ...given });
const item = {
  name: 'item',
  schema: z.strictObject({ id: z.int(), text: z.string() }),
  key: 'id',
  legacy: table('items'),
  modern: table('items'),
};
const item2 = (given: object) => () =>
  untyped(defineMigration)({ ...sound, entities: [untyped(entity)({ ...item, ...given })] });
const kept = (declared: () => unknown) => () => item2({ fields: { text: declared() } })();
const shape = { tables: { items: { key: ['id'] } }, toRows: () => ({}), fromRows: () => ({}) };
const inRows = (given: object) => () => untyped(rows)({ ...shape, ...given });

test.each<[string, () => unknown, string, string]>([
  ['an option that is none', migration({ wrte: {} }), 'migration.wrte', 'is no option; there are name,'],
  ['settings that are null', migration({ write: null }), 'migration.write', 'must be an object'],
  ['settings that are a list', migration({ reads: [] }), 'migration.reads', 'must be an object'],
  [
    'a time without its offset',
    migration({ deadline: '2100-01-01T00:00:00' }),
    'migration.deadline',
    'with its offset',
  ],
  ['a day without a time', migration({ deadline: '2100-01-01' }), 'migration.deadline', 'with its offset'],
  [
    'a day that there is not',
    migration({ deadline: '2100-02-30T00:00:00Z' }),
    'migration.deadline',
    'is not an ISO time',
  ],
  ['a task queue without a name', migration({ taskQueue: '' }), 'migration.taskQueue', 'must be the name of'],
  [
    'a task queue that is a number',
    migration({ taskQueue: 3 }),
    'migration.taskQueue',
    'must be the name of',
  ],
  ['a call that is a text', migration({ onOverdue: 'later' }), 'migration.onOverdue', 'must be a function'],
  [
    'a store with an option that is none',
    migration({ legacy: { url: 'x' } }),
    'migration.legacy.url',
    'is no option; there are urlFrom',
  ],
  ['a store that is a text', migration({ modern: 'x' }), 'migration.modern', 'must be an object'],
  [
    'a variable that is a number',
    migration({ legacy: { urlFrom: 5 } }),
    'migration.legacy.urlFrom',
    'environment variable',
  ],
  [
    'the same variable twice',
    migration({ legacy: { urlFrom: 'DB' }, modern: { urlFrom: 'DB' } }),
    'migration.modern.urlFrom',
    'name another variable',
  ],
  [
    'a pool whose size is a text',
    migration({ legacy: { poolSize: '5' } }),
    'migration.legacy.poolSize',
    'must be a number',
  ],
  ['an entity that is nothing', () => untyped(entity)(), 'entity', 'must be an object'],
  ['an entity without a name', item2({ name: undefined }), 'entity.name', 'must be a text'],
  [
    'an option of an entity that is none',
    item2({ patern: 'parallel' }),
    'item.patern',
    'is no option; there are name,',
  ],
  ['no schema', item2({ schema: undefined }), 'item.schema', 'must be a Standard Schema'],
  [
    'a schema of no such library',
    item2({ schema: { type: 'object' } }),
    'item.schema',
    'must be a Standard Schema',
  ],
  ['no key', item2({ key: undefined }), 'item.key', 'must be the name of a field'],
  ['a key of numbers', item2({ key: [1] }), 'item.key', 'must be the name of a field'],
  ['a shape that is missing', item2({ legacy: undefined }), 'item.legacy', 'is no shape'],
  ['a shape that is a text', item2({ modern: 'items' }), 'item.modern', 'is no shape'],
  ['a field that is a text', item2({ fields: { text: 'text' } }), 'item.fields.text', 'is no field'],
  ['fields that are a list', item2({ fields: [] }), 'item.fields', 'must be an object'],
  [
    'an option of a text that is none',
    kept(() => untyped(field.text)({ max: 5 })),
    'item.fields.text',
    'field.text.max is no option; there are nul',
  ],
  [
    'a value of an option that is none',
    kept(() => untyped(field.text)({ nul: 'drop' })),
    'item.fields.text',
    'neither refuse nor bytes',
  ],
  [
    'options that are a number',
    kept(() => untyped(field.decimal)(2)),
    'item.fields.text',
    'field.decimal must be an object',
  ],
  [
    'options that are null',
    kept(() => untyped(field.timestamp)(null)),
    'item.fields.text',
    'field.timestamp must be an object',
  ],
  [
    'an option of a decimal that is none',
    kept(() => untyped(field.decimal)({ scal: 2 })),
    'item.fields.text',
    'field.decimal.scal is no option',
  ],
  [
    'a substitute that is none',
    kept(() => untyped(field.date)({ zero: 'maybe' })),
    'item.fields.text',
    'field.date.zero is none of refuse, null',
  ],
  [
    'a list without members to tell items apart',
    () => untyped(field.list)({ fields: {} }),
    'field.list.by',
    'must be a list of members',
  ],
  ['a list of nothing', () => untyped(field.list)(), 'field.list', 'must be an object'],
  [
    'a shared record without a name',
    () => untyped(field.shared)({ identity: ['id'] }),
    'field.shared.name',
    'must be a text',
  ],
  ['a table without a name', () => untyped(table)(''), 'table ""', 'must be a name'],
  ['columns that are null', () => untyped(table)('items', null), 'table "items"', 'must be an object'],
  [
    'a column that is a number',
    () => untyped(table)('items', { text: 5 }),
    'table "items".text',
    'must be the name of a column',
  ],
  ['rows of nothing', () => untyped(rows)(), 'rows', 'must be an object'],
  ['rows without tables', inRows({ tables: undefined }), 'rows.tables', 'must be an object'],
  [
    'rows with an option that is none',
    inRows({ tabels: {} }),
    'rows.tabels',
    'is no option; there are tables,',
  ],
  [
    'a table with an option that is none',
    inRows({ tables: { items: { key: ['id'], idntity: ['x'] } } }),
    'rows.tables.items.idntity',
    'is no option',
  ],
  ['a table that is null', inRows({ tables: { items: null } }), 'rows.tables.items', 'must be an object'],
  [
    'an identity that is a text',
    inRows({ tables: { items: { key: ['id'], identity: 'id' } } }),
    'rows.tables.items.identity',
    'must be a list of columns',
  ],
  [
    'a field of a column that is a text',
    inRows({ tables: { items: { key: ['id'], fields: { x: 'json' } } } }),
    'rows.tables.items.fields',
    'scalar fields',
  ],
  ['rows without a function', inRows({ fromRows: undefined }), 'rows.fromRows', 'must be a function'],
  ['a loss that is none', inRows({ lossy: 'alow' }), 'rows.lossy', 'neither refuse nor allow'],
  ['a revision that is a text', inRows({ revision: 'b' }), 'rows.revision', 'whole number'],
  [
    'a reference without a way to it',
    inRows({ referenced: { c: { shared: 'c', identity: ['id'] } } }),
    'rows.referenced.c.through',
    'must name the table that points here',
  ],
  [
    'a winner that is none',
    inRows({
      referenced: {
        c: { shared: 'c', identity: ['id'], through: { table: 'items', columns: {} }, wins: 'last' },
      },
    }),
    'rows.referenced.c.wins',
    'none of latest, first and refuse',
  ],
])('a definition with %s is refused, with its path', (_, define, path, why) => {
  expect(define).toThrowError(
    expect.objectContaining({
      code: 'InvalidDefinition',
      details: expect.objectContaining({ path }),
      message: expect.stringContaining(why),
    }),
  );
});

test('a connection string where the name of its variable belongs is not told', () => {
  const secret = 'mysql://root:secret@db/shop';
  const define = migration({ legacy: { urlFrom: secret } });
  expect(define).toThrowError(/migration\.legacy\.urlFrom: must be the name of the environment variable/);
  expect(define).not.toThrowError(/secret/);
});

test('what is given as undefined is as if it were not given', () => {
  const { stores } = defineMigration({
    ...sound,
    legacy: JSON.parse('{}'),
    modern: untyped(Object.assign)({ poolSize: undefined }) as object,
  });
  expect(stores.modern.poolSize).toBe(10);
});
