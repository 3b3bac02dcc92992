import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../../databases/contract/store.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { imageFrom, type Opened, openRole, readOne, writeOf, writeOne } from './engine-roles.ts';

interface Dated {
  id: number;
  required: string | null;
  optional: string | null;
  standing: string | null;
  ratio: number | null;
}

const dated = entity({
  name: 'dated',
  schema: z.custom<Dated>(),
  fields: {
    id: field.integer(),
    required: field.date({ zero: 'null', infinity: { as: '9999-12-31' } }),
    optional: field.date({ zero: 'null', infinity: 'null' }),
    standing: field.timestamp({
      precision: 0,
      zero: { as: '0001-01-01T00:00:00Z' },
      infinity: { as: '9999-12-31T00:00:00Z' },
    }),
    ratio: field.float({ nan: 'null' }),
  },
  key: 'id',
  legacy: table('dated'),
  modern: table('dated'),
});

const absent: Dated = { id: 1, required: null, optional: null, standing: null, ratio: null };

interface Side {
  engine: 'MariaDB' | 'PostgreSQL';
  table: string;
  /** A row of special values, as its own database writes it. */
  special: string;
  image: Omit<Dated, 'id' | 'ratio'> & { ratio: string | null };
  /** The same row once its image has been written back: a null stays null where the column takes one. */
  writtenBack: Record<string, string | null>;
  asText: string;
}

const sides: Side[] = [
  {
    engine: 'MariaDB',
    table: `CREATE TABLE dated (id INT AUTO_INCREMENT PRIMARY KEY, required DATE NOT NULL, optional DATE,
      standing DATETIME, ratio DOUBLE)`,
    special: "INSERT INTO dated VALUES (7, '0000-00-00', '0000-00-00', '0000-00-00 00:00:00', NULL)",
    image: { required: null, optional: null, standing: '0001-01-01T00:00:00Z', ratio: null },
    writtenBack: { required: '0000-00-00', optional: null, standing: '0000-00-00 00:00:00', ratio: null },
    asText: 'required, optional, standing, ratio',
  },
  {
    engine: 'PostgreSQL',
    table: `CREATE TABLE dated (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, required date NOT NULL,
      optional date, standing timestamp(0), ratio double precision NOT NULL)`,
    special: `INSERT INTO dated OVERRIDING SYSTEM VALUE VALUES (7, 'infinity', 'infinity', 'infinity', 'NaN')`,
    image: { required: '9999-12-31', optional: null, standing: '9999-12-31T00:00:00Z', ratio: null },
    writtenBack: { required: 'infinity', optional: null, standing: 'infinity', ratio: 'NaN' },
    asText: 'required::text, optional::text, standing::text, ratio::text',
  },
];

describe.each(sides)('substitutes at $engine', ({ engine, table, special, image, writtenBack, asText }) => {
  let at: Opened;
  let store: Store;
  beforeAll(async () => {
    at = await openRole({ engine, role: 'legacy' }, { entities: [dated], onlyTables: [table, special] });
    store = at.store;
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test('are put in where a row is read, and taken out where it is written back', async () => {
    const stored = await readOne(store, dated, ['7']);
    expect(stored).toMatchObject({ unreadable: null, image });
    const written = { ...writeOf(dated, absent), key: ['7'], image: stored.image };
    expect(await writeOne(store, dated, written)).toMatchObject({ status: 'applied' });
    expect(await at.sql(`SELECT ${asText} FROM dated WHERE id = 7`)).toEqual([writtenBack]);
    expect(await readOne(store, dated, ['7'])).toMatchObject({ unreadable: null, image });
  });

  test('a null that nothing stands for is refused where the column takes none', async () => {
    const given = engine === 'MariaDB' ? { ...absent, id: 8 } : { ...absent, id: 8, ratio: 1 };
    const outcome = await writeOne(store, dated, writeOf(dated, given));
    expect(outcome).toMatchObject(
      engine === 'MariaDB'
        ? { status: 'applied' }
        : {
            status: 'failed',
            failure: { message: expect.stringMatching(/required is null, and the column/) },
          },
    );
  });

  test('a key of 0 stays 0, and a key is given where the database would count by itself', async () => {
    const row = { ...absent, required: '2024-02-29', ratio: 1 };
    for (const id of [0, 9]) {
      const written = writeOf(dated, { ...row, id });
      expect(await writeOne(store, dated, written)).toMatchObject({ status: 'applied' });
      expect(await readOne(store, dated, [String(id)])).toMatchObject({ image: written.image });
    }
    expect(await at.sql('SELECT count(*) AS n FROM dated WHERE id IN (0, 9)')).toEqual([{ n: '2' }]);
  });
});

test('a substitute that is no value of its field is refused with the declaration', () => {
  const wrong = entity({
    name: 'wrong',
    schema: z.strictObject({ id: z.int(), day: z.iso.date() }),
    key: 'id',
    fields: { day: field.date({ zero: { as: 'never' } }) },
    legacy: table('wrong'),
    modern: table('wrong'),
  });
  expect(wrong.faults).toEqual([
    {
      path: 'wrong.fields.day',
      reason: expect.stringMatching(/field\.date\(\{ zero: \{ as: "never" \} \}\)/),
    },
  ]);
});

test('a service sees the substitute, and never the special value', () => {
  expect(() => imageFrom(dated, { ...absent, optional: '0000-00-00' })).toThrow(
    expect.objectContaining({ code: 'InvalidEntity' }),
  );
});
