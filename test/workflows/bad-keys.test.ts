import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';
import { validate } from '../support/advance.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const number = entity({
  name: 'number',
  schema: z.strictObject({ id: z.bigint(), name: z.string() }),
  fields: { id: field.bigint() },
  key: 'id',
  legacy: table('numbers'),
  modern: table('numbers'),
});
const device = entity({
  name: 'device',
  schema: z.strictObject({ id: z.uuid(), name: z.string() }),
  fields: { id: field.uuid() },
  key: 'id',
  legacy: table('devices'),
  modern: table('devices'),
});
const page = entity({
  name: 'page',
  schema: z.strictObject({ id: z.string(), name: z.string() }),
  fields: { id: field.text() },
  key: 'id',
  legacy: table('pages'),
  modern: table('pages'),
});
interface Word {
  at: number;
  word: string;
}
interface Day {
  day: string;
  words: Word[];
}
/** Several rows a key, by functions. */
const words = () =>
  rows<Day, { words: (Word & { day: string })[] }>({
    tables: { words: { key: ['day'], identity: ['day', 'at'] } },
    toRows: ({ day, words }) => ({ words: words.map((word) => ({ day, ...word })) }),
    fromRows: ({ words: own }) => ({
      day: own[0]?.day ?? '',
      words: own.map(({ at, word }) => ({ at, word })),
    }),
  });
const day = entity({
  name: 'day',
  schema: z.custom<Day>(),
  fields: {
    day: field.date(),
    words: field.list({ by: ['at'], fields: { at: field.integer(), word: field.text() } }),
  },
  key: 'day',
  legacy: words(),
  modern: words(),
});

const lower = '0190b6c0-7e1a-7000-8000-00000000000a';
const upper = '0190B6C0-7E1A-7000-8000-00000000000B';
const long = 'x'.repeat(720);

interface Direction {
  from: 'mysql' | 'postgresql';
  tables: { legacy: string[]; modern: string[] };
  /** The first number that modern has no place for. */
  beyond: bigint;
  fill: string[];
  /** Beside those that every direction has. */
  differences: [string, string, RegExp][];
  corrupt: string;
}

const directions: Direction[] = [
  {
    from: 'mysql',
    beyond: 2n ** 63n,
    tables: {
      legacy: [
        'CREATE TABLE numbers (id BIGINT UNSIGNED PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE devices (id VARCHAR(36) COLLATE utf8mb4_bin PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE pages (id VARCHAR(750) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE words (day DATE, at INT, word VARCHAR(20) NOT NULL, PRIMARY KEY (day, at))',
      ],
      modern: [
        'CREATE TABLE numbers (id bigint PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE devices (id uuid PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE pages (id text COLLATE "C" PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE words (day date, at integer, word text NOT NULL, PRIMARY KEY (day, at))',
      ],
    },
    fill: [
      `INSERT INTO pages VALUES ('a', 'a'), (CONCAT('n', CHAR(0)), 'nul'), ('${long}', 'long'), ('z', 'z')`,
      "INSERT INTO words VALUES ('0000-00-00', 0, 'zero'), ('0000-00-00', 1, 'none'), ('2024-00-10', 0, 'some'), ('2024-02-29', 0, 'leap')",
    ],
    differences: [
      ['page', 'n\u0000', /NUL/],
      ['day', '0000-00-00', /zero date/],
      [
        'day',
        '2024-00-10',
        /words\.day holds what is no date; correct the row, or declare the key as what it is/,
      ],
    ],
    corrupt: 'lockstep_',
  },
  {
    from: 'postgresql',
    beyond: 2n ** 31n,
    tables: {
      legacy: [
        'CREATE TABLE numbers (id bigint PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE devices (id text COLLATE "C" PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE pages (id text COLLATE "C" PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE words (day date, at integer, word text NOT NULL, PRIMARY KEY (day, at))',
      ],
      modern: [
        'CREATE TABLE numbers (id INT PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE devices (id BINARY(16) PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE pages (id VARCHAR(750) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE words (day DATE, at INT, word VARCHAR(20) NOT NULL, PRIMARY KEY (day, at))',
      ],
    },
    fill: [
      `INSERT INTO pages VALUES ('a', 'a'), ('${long}', 'long'), ('z', 'z')`,
      "INSERT INTO words VALUES ('infinity', 0, 'never'), ('infinity', 1, 'ever'), ('0044-03-15 BC', 0, 'ides'), ('2024-02-29', 0, 'leap')",
    ],
    differences: [
      ['day', 'infinity', /infinity/],
      [
        'day',
        '0044-03-15 BC',
        /words\.day holds what is no date; correct the row, or declare the key as what it is/,
      ],
    ],
    corrupt: 'lockstep.',
  },
];

describe.each(directions)('from $from', ({ from, beyond, tables, fill, differences, corrupt }) => {
  const open = async () => {
    const at = await runningMigration('dual-write', {
      from,
      entities: [number, device, page, day],
      tables,
      backfill: { chunkKeys: 2 },
    });
    for (const statement of [
      `INSERT INTO numbers VALUES (1, 'a'), (2, 'b'), (${beyond}, 'beyond'), (${beyond + 1n}, 'more')`,
      `INSERT INTO devices VALUES ('${lower}', 'a'), ('${upper}', 'b')`,
      ...fill,
    ])
      await at.sql.legacy(statement);
    return at;
  };
  const beyondRange = /numbers\.id is out of the range of (bigint|int).*; widen the column/;
  const expected = [
    ['device', upper, expect.stringMatching(/not in lower case; correct the row/)],
    ['number', String(beyond), expect.stringMatching(beyondRange)],
    ['number', String(beyond + 1n), expect.stringMatching(beyondRange)],
    ['page', long, expect.stringMatching(/more than the 700 bytes that can be indexed; use a shorter key/)],
    ...differences.map(([entity, key, why]) => [entity, key, expect.stringMatching(why)]),
  ];
  const sorted = (list: unknown[][]) => list.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  const found = async ({ lockstep }: RunningMigration) =>
    sorted(
      (await lockstep.reconciliation.differences(100)).map(({ entity, key, reason }) => [
        entity,
        key[0],
        reason,
      ]),
    );

  test('a key that nothing can be done with is one difference, and everything else goes on', async () => {
    await using at = await open();
    const { control, reconciliation, repository } = at.lockstep;
    await control.send('advance');
    await until('the backfill is done', async () => (await control.status()).backfill?.done);
    expect((await control.status()).backfill).toMatchObject({ copied: 6, refused: expected.length });
    expect(await found(at)).toEqual(sorted(expected));
    for (const sample of [null, 100]) {
      await control.startValidation({ sample, seed: 1 });
      await until('the validation is over', async () => !(await control.status()).validating);
      expect(await found(at)).toEqual(sorted(expected));
    }
    expect(await reconciliation.run({ repair: true })).toMatchObject({ repaired: 0 });
    expect(await found(at)).toEqual(sorted(expected));

    // A key that a column cannot hold is not there, and spoils no other read.
    const { stores } = at;
    expect(await stores.modern.values(number, [['1'], [String(beyond)]])).toEqual([
      { value: { id: 1n, name: 'a' }, unreadable: null },
      { value: null, unreadable: null },
    ]);

    // Whoever deletes it has one less, and its tombstone is no difference.
    await repository(number).delete(beyond, { ack: 'both' });
    await at.sql.legacy(`DELETE FROM devices WHERE id = '${upper}'`);
    await at.sql.legacy('DELETE FROM pages WHERE LENGTH(id) > 1');
    await at.sql.legacy(`DELETE FROM numbers WHERE id > ${beyond}`);
    await at.sql.legacy(`DELETE FROM words WHERE word <> 'leap'`);
    expect(await found(at)).toEqual([]);
    // A text in a control table that is no key is told, and holds up nothing.
    await at.sql.legacy(
      `INSERT INTO ${corrupt}records (entity, record_key, version, deleted) VALUES ('number', 'no key', 5, ${from === 'mysql' ? 0 : false})`,
    );
    await reconciliation.run({ repair: true });
    expect(await reconciliation.differences(10)).toMatchObject([
      { entity: 'number', verdict: 'unreadable', reason: expect.stringContaining('delete that row') },
    ]);
    await at.sql.legacy(`DELETE FROM ${corrupt}records WHERE record_key = 'no key'`);
    expect((await validate(control)).evidence).toMatchObject({ differences: 0 });
    expect(await found(at)).toEqual([]);
  });

  test('a write of a key that the secondary cannot hold is refused before the primary has it', async () => {
    await using at = await open();
    const { repository, control, reconciliation } = at.lockstep;
    const numbers = repository(number);
    const value = { id: beyond + 5n, name: 'new' };
    const refused = { code: 'StoreRefused', details: { store: 'modern', about: 'row' } };
    const operationId = 'a-key-beyond';
    await expect(numbers.create(value, { operationId })).rejects.toMatchObject(refused);
    await expect(numbers.create(value, { operationId })).rejects.toMatchObject(refused);
    // Many at once share a group.
    const given = [7n, beyond + 6n, 8n].map((id) => numbers.create({ id, name: 'many' }));
    const many = await Promise.allSettled(given);
    expect(many.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await at.sql.legacy(`SELECT id FROM numbers WHERE id > ${beyond + 1n}`)).toEqual([]);
    expect(await at.sql.legacy('SELECT id FROM numbers WHERE id IN (7, 8)')).toHaveLength(2);

    // Nor is one written of which nobody can say, whether or not its columns are known already.
    const unforeseen = new TypeError('unforeseen');
    const throwing = () => {
      throw unforeseen;
    };
    for (const [id, say] of [
      [9n, () => Promise.reject(unforeseen)],
      [10n, throwing],
    ] as const) {
      let asked = 0;
      at.faults.modern.unusableKeyReason = () => {
        asked += 1;
        return say();
      };
      const unsaid = numbers.create({ id, name: 'unsaid' });
      await until('it is asked again', async () => asked > 1);
      expect(await at.sql.legacy(`SELECT id FROM numbers WHERE id = ${id}`)).toEqual([]);
      delete at.faults.modern.unusableKeyReason;
      await unsaid;
    }

    // While the secondary does not say so, the write is parked; a person discards it, and deletes the record.
    at.faults.modern.unusableKeyReason = () => Promise.reject(new LockstepError('StoreUnavailable', 'away'));
    const { operationId: parked } = await numbers.create(value);
    await until('it is parked', async () => (await control.writeStatus(parked)).stage === 'parked');
    delete at.faults.modern.unusableKeyReason;
    await control.resolve(parked, 'discard');
    await until('it is discarded', async () => (await entryIn(at, 'legacy', parked))?.status === 'discarded');
    await numbers.delete(value.id, { ack: 'both' });
    expect(await at.sql.legacy(`SELECT id FROM numbers WHERE id > ${beyond + 1n}`)).toEqual([]);
    await control.send('advance');
    await until('the backfill is done', async () => (await control.status()).backfill?.done);
    expect(await found(at)).toEqual(sorted(expected));
    await reconciliation.run({ repair: true });
    expect(await found(at)).toEqual(sorted(expected));
  });
});
