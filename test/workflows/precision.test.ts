import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';
import { advanceTo } from '../support/advance.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const schema = z.strictObject({ id: z.int(), at: z.iso.datetime(), clock: z.string() });
const fields = { clock: field.time() };
const inTable = (name: string) =>
  ({ name, schema, key: 'id', fields, legacy: table(name), modern: table(name) }) as const;
const moment = entity(inTable('moments'));
const paired = entity({ ...inTable('paired'), pattern: 'parallel' });
const bound = entity({ ...inTable('bound'), pattern: 'transactional' });
const shape = rows({
  tables: { shaped: { key: ['id'] } },
  toRows: (value: z.infer<typeof schema>) => ({ shaped: [value] }),
  fromRows: ({ shaped: [row] }) => row ?? { id: 0, at: '', clock: '' },
});
const shaped = entity({ name: 'shaped', schema, key: 'id', fields, legacy: shape, modern: shape });
const entities = [moment, paired, bound, shaped];

const mariadb = (digits: number) => (name: string) =>
  `CREATE TABLE ${name} (id INT PRIMARY KEY, at DATETIME(${digits}) NOT NULL, clock TIME(${digits}) NOT NULL)`;
const postgresql = (digits: number) => (name: string) =>
  `CREATE TABLE ${name} (id integer PRIMARY KEY, at timestamp(${digits}) NOT NULL, clock time(${digits}) NOT NULL)`;

const coarse = { at: '2024-02-29T12:00:00.125Z', clock: '12:00:00.125' };
const finer = [
  { ...coarse, at: '2024-02-29T12:00:00.125001Z' },
  { ...coarse, clock: '12:00:00.1255' },
];

const ways = [
  { from: 'mysql', legacy: mariadb(6), modern: postgresql(3), coarser: 'modern' },
  { from: 'mysql', legacy: mariadb(3), modern: postgresql(6), coarser: 'legacy' },
  { from: 'postgresql', legacy: postgresql(6), modern: mariadb(3), coarser: 'modern' },
  { from: 'postgresql', legacy: postgresql(3), modern: mariadb(6), coarser: 'legacy' },
] as const;

describe.each(ways)('from $from, where $coarser keeps milliseconds', ({ from, legacy, modern, coarser }) => {
  let at: RunningMigration;
  beforeAll(async () => {
    const names = entities.map(({ name }) => name);
    at = await runningMigration('dual-write', {
      from,
      entities,
      tables: { legacy: names.map(legacy), modern: names.map(modern) },
    });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const idsIn = async (store: 'legacy' | 'modern', name: string) =>
    (await at.sql[store](`SELECT id FROM ${name} ORDER BY id`)).map(({ id }) => Number(id));

  test.each(entities.map((one, index) => ({ one, name: one.name, id: index + 1 })))(
    '$name takes what both keep, and refuses what is finer before either has it',
    async ({ one, name, id }) => {
      const records = at.lockstep.repository(one);
      await records.create({ id, ...coarse }, { ack: 'both' });
      expect((await records.get(id))?.value).toEqual({
        id,
        at: '2024-02-29T12:00:00.125000Z',
        clock: '12:00:00.125000',
      });
      for (const value of finer) {
        const refused = {
          code: 'StoreRefused',
          message: expect.stringMatching(
            new RegExp(`${coarser} store.*${name}\\.(at|clock).*finer than the 3 digits.*`),
          ),
        };
        await expect(records.create({ id: 1_000 + id, ...value })).rejects.toMatchObject(refused);
        await expect(records.replace({ id, ...value })).rejects.toMatchObject(refused);
        await expect(records.update(id, value)).rejects.toMatchObject(refused);
      }
      await drained(at);
      expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0, parked: 0 });
      for (const store of ['legacy', 'modern'] as const) {
        expect(await idsIn(store, name)).not.toContain(1_000 + id);
        const [row] = await at.sql[store](`SELECT at FROM ${name} WHERE id = ${id}`);
        expect(row?.at).toMatch(/^2024-02-29 12:00:00\.125(000)?$/);
      }
    },
  );
});

describe.each(ways)('a backfill from $from, where $coarser keeps milliseconds', (way) => {
  test('copies what the other keeps as it is, and reports what it would round', async () => {
    const { from, legacy, modern, coarser } = way;
    const given = [
      '12:00:00.125',
      '12:00:00',
      '00:00:00.5',
      ...(coarser === 'modern' ? ['12:00:00.1255'] : []),
    ];
    const inserted = given
      .map((clock, index) => `(${index + 1}, '2024-02-29 ${clock}', '${clock}')`)
      .join(', ');
    await using at = await runningMigration('dual-write', {
      from,
      entities: [moment],
      tables: {
        legacy: [legacy(moment.name), `INSERT INTO moments VALUES ${inserted}`],
        modern: [modern(moment.name)],
      },
    });
    await advanceTo(at.lockstep, 'backfill');
    await until('the backfill is over', async () => {
      return (await at.lockstep.control.status()).backfill?.done === true;
    });
    expect(await at.sql.modern('SELECT COUNT(*) AS n FROM moments')).toEqual([{ n: '3' }]);
    const refused = await at.stores.modern.differences(at.migration.name, 10);
    expect(refused.map(({ key, reason }) => [key, reason])).toEqual(
      coarser === 'modern' ? [[['4'], expect.stringMatching(/moments\.at is finer than the 3 digits/)]] : [],
    );
    if (coarser === 'modern') await at.sql.legacy('DELETE FROM moments WHERE id = 4');
    // Digests are made by each database of its own columns.
    expect(await at.lockstep.reconciliation.run()).toMatchObject({ found: 0 });
  });
});
