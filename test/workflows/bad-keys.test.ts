import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { validate } from '../support/advance.ts';
import { runningMigration } from '../support/harness.ts';
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

const beyond = 2n ** 63n;
const lower = '0190b6c0-7e1a-7000-8000-00000000000a';
const upper = '0190B6C0-7E1A-7000-8000-00000000000B';

test('a key that nothing can be done with is one difference, and everything else goes on', async () => {
  await using at = await runningMigration('dual-write', {
    entities: [number, device, page],
    tables: {
      legacy: [
        'CREATE TABLE numbers (id BIGINT UNSIGNED PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE devices (id VARCHAR(36) COLLATE utf8mb4_bin PRIMARY KEY, name TEXT NOT NULL)',
        'CREATE TABLE pages (id VARCHAR(750) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, name TEXT NOT NULL)',
      ],
      modern: [
        'CREATE TABLE numbers (id bigint PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE devices (id uuid PRIMARY KEY, name text NOT NULL)',
        'CREATE TABLE pages (id text COLLATE "C" PRIMARY KEY, name text NOT NULL)',
      ],
    },
    backfill: { chunkKeys: 2 },
  });
  const { control, reconciliation, repository } = at.lockstep;
  const long = 'x'.repeat(720);
  await at.sql.legacy(
    `INSERT INTO numbers VALUES (1, 'a'), (2, 'b'), (${beyond}, 'beyond'), (${beyond + 1n}, 'more')`,
  );
  await at.sql.legacy(`INSERT INTO devices VALUES ('${lower}', 'a'), ('${upper}', 'b')`);
  await at.sql.legacy(
    `INSERT INTO pages VALUES ('a', 'a'), (CONCAT('n', CHAR(0)), 'nul'), ('${long}', 'long'), ('z', 'z')`,
  );
  await control.send('advance');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  expect((await control.status()).backfill).toMatchObject({ copied: 5, refused: 5 });

  const differences = async () =>
    (await reconciliation.differences(100)).map(({ entity, key, reason }) => [entity, key[0], reason]);
  const expected = [
    ['device', upper, expect.stringMatching(/not in lower case; correct the row/)],
    [
      'number',
      String(beyond),
      expect.stringMatching(/numbers\.id is out of the range of bigint; widen the column/),
    ],
    ['number', String(beyond + 1n), expect.stringMatching(/widen the column/)],
    ['page', 'n\u0000', expect.stringMatching(/NUL/)],
    ['page', long, expect.stringMatching(/has 724 bytes; at most 700 can be indexed; use a shorter key/)],
  ];
  const sorted = (list: unknown[][]) => list.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  expect(sorted(await differences())).toEqual(sorted(expected));
  for (const sample of [null, 100]) {
    await control.startValidation({ sample, seed: 1 });
    await until('the validation is over', async () => !(await control.status()).validating);
    expect(sorted(await differences())).toEqual(sorted(expected));
  }
  expect(await reconciliation.run({ repair: true })).toMatchObject({ repaired: 0 });
  expect(sorted(await differences())).toEqual(sorted(expected));

  // A key that a column cannot hold is not there, and spoils no other read; a write of it is refused in time.
  const modernReads = { from: 'modern' } as const;
  expect(await repository(number).getMany([1n, beyond], modernReads as never)).toHaveLength(2);
  await expect(repository(number).create({ id: beyond + 5n, name: 'new' })).rejects.toMatchObject({
    code: 'StoreRefused',
    details: { store: 'modern' },
  });
  expect(await at.sql.legacy(`SELECT id FROM numbers WHERE id = ${beyond + 5n}`)).toEqual([]);

  // Whoever deletes it has one less, and its tombstone is no difference.
  await repository(number).delete(beyond, { ack: 'both' });
  await at.sql.legacy(`DELETE FROM devices WHERE id = '${upper}'`);
  await at.sql.legacy(`DELETE FROM pages WHERE LENGTH(id) > 1`);
  await at.sql.legacy(`DELETE FROM numbers WHERE id > ${beyond}`);
  // A text in a control table that is no key is told, and holds up nothing.
  await at.sql.legacy(
    `INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES ('number', 'no key', 5, 0)`,
  );
  await reconciliation.run();
  expect(await reconciliation.differences(10)).toMatchObject([
    { entity: 'number', verdict: 'unreadable', reason: expect.stringContaining('delete that row') },
  ]);
  await at.sql.legacy(`DELETE FROM lockstep_records WHERE record_key = 'no key'`);
  expect((await validate(control)).evidence).toMatchObject({ differences: 0 });
});
