import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

interface Event {
  id: number;
  at: string | null;
  day: string | null;
}

const event = entity({
  name: 'event',
  schema: z.custom<Event>(),
  fields: { id: field.integer(), at: field.timestamp({ precision: 0 }), day: field.date({ zero: 'null' }) },
  key: 'id',
  legacy: table('events', { at: 'happened' }),
  modern: table('events', { at: 'happened' }),
});

interface Blob {
  hash: Uint8Array;
  size: number;
}

const blob = entity({
  name: 'blob',
  schema: z.custom<Blob>(),
  fields: { hash: field.bytes(), size: field.integer() },
  key: 'hash',
  legacy: table('blobs'),
  modern: table('blobs'),
});

const blobsInMariadb = 'CREATE TABLE blobs (hash VARBINARY(20) PRIMARY KEY, size INT NOT NULL)';
const blobsInPostgresql = 'CREATE TABLE blobs (hash bytea PRIMARY KEY, size integer NOT NULL)';
const hashes = ['', '00', '0000', '00ff', '5c785c4e09', 'ff'];
const blobs = (literal: (hex: string) => string) =>
  `INSERT INTO blobs VALUES ${hashes.map((hash, index) => `(${literal(hash)}, ${index})`).join(', ')}`;

describe('from PostgreSQL', () => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', {
      from: 'postgresql',
      entities: [event, blob],
      tables: {
        legacy: [
          'CREATE TABLE events (id integer PRIMARY KEY, happened timestamp(0), day date)',
          `INSERT INTO events VALUES (1, '2024-02-29 12:00:00', '2024-02-29'), (2, NULL, '2024-02-29'), (3, '2024-02-29 12:00:00', NULL)`,
          blobsInPostgresql,
          blobs((hex) => `'\\x${hex}'`),
        ],
        modern: [
          'CREATE TABLE events (id INT AUTO_INCREMENT PRIMARY KEY, happened TIMESTAMP NOT NULL, day DATE NOT NULL)',
          blobsInMariadb,
        ],
      },
    });
    await copied(at);
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test('a null is no time now, and gets its special value where one is declared', async () => {
    expect(await at.sql.modern('SELECT id, happened, day FROM events WHERE id < 4 ORDER BY id')).toEqual([
      { id: '1', happened: '2024-02-29 12:00:00', day: '2024-02-29' },
      { id: '3', happened: '2024-02-29 12:00:00', day: '0000-00-00' },
    ]);
    expect(await at.stores.modern.differences(at.migration.name, 10)).toMatchObject([
      {
        key: ['2'],
        verdict: 'refused',
        reason: expect.stringMatching(/happened is null, and the column may not be/),
      },
    ]);
  });

  test('the table counts on above the keys that were copied', async () => {
    await at.sql.modern("INSERT INTO events (happened, day) VALUES ('2024-03-01 00:00:00', '2024-03-01')");
    expect(await at.sql.modern('SELECT MAX(id) AS id FROM events')).toEqual([{ id: '4' }]);
  });

  test('keys of bytes are copied, each once, and their checkpoints name them', async () => {
    const found = await at.sql.modern('SELECT LOWER(HEX(hash)) AS hash FROM blobs ORDER BY size');
    expect(found.map(({ hash }) => hash)).toEqual(hashes);
    await expectCursor(at, 'ff');
  });
});

describe('from MariaDB', () => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', {
      from: 'mysql',
      entities: [event, blob],
      tables: {
        legacy: [
          'CREATE TABLE events (id INT PRIMARY KEY, happened DATETIME, day DATE NOT NULL)',
          `INSERT INTO events VALUES (1, '2024-02-29 12:00:00', '2024-02-29'), (2, NULL, '0000-00-00'), (0, NULL, '2024-02-29')`,
          blobsInMariadb,
          blobs((hex) => `x'${hex}'`),
        ],
        modern: [
          'CREATE TABLE events (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, happened timestamptz(0), day date)',
          blobsInPostgresql,
        ],
      },
    });
    await copied(at);
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test('a key is given where the database would count by itself, and a zero date is a null', async () => {
    expect(
      await at.sql.modern('SELECT id, happened, day FROM events WHERE id < 3 ORDER BY id'),
    ).toMatchObject([
      { id: '0', happened: null, day: '2024-02-29' },
      { id: '1', day: '2024-02-29' },
      { id: '2', happened: null, day: null },
    ]);
    expect(await at.stores.modern.differences(at.migration.name, 10)).toEqual([]);
  });

  test('the table counts on above the keys that were copied', async () => {
    await at.sql.modern("INSERT INTO events (day) VALUES ('2024-03-01')");
    expect(await at.sql.modern('SELECT MAX(id) AS id FROM events')).toEqual([{ id: '3' }]);
  });

  test('keys of bytes are copied, each once, and their checkpoints name them', async () => {
    const found = await at.sql.modern(`SELECT encode(hash, 'hex') AS hash FROM blobs ORDER BY size`);
    expect(found.map(({ hash }) => hash)).toEqual(hashes);
    await expectCursor(at, 'ff');
  });
});

async function copied({ lockstep }: RunningMigration): Promise<void> {
  await advanceTo(lockstep, 'backfill');
  await until('the backfill is over', async () => (await lockstep.control.status()).backfill?.done === true);
}

async function expectCursor(at: RunningMigration, hex: string): Promise<void> {
  const chunks = await at.stores.modern.chunks(at.migration.name, blob.name);
  expect(chunks).toMatchObject([{ cursor: [hex], done: true, copied: hashes.length }]);
}
