import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Key } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { type FieldsOf, field } from '../../model/field.ts';
import { columns } from '../../model/shape.ts';
import { createDatabases } from '../servers.ts';
import { direct } from './direct.ts';
import { deleteOf, fence, migrationName, openOn, readOne, writeOf, writeOne } from './places.ts';

type Fields = FieldsOf<Record<string, unknown>>;

interface KindOfKey {
  engine: 'MariaDB' | 'PostgreSQL';
  type: string;
  field: Fields[string];
  values: readonly unknown[];
}

const uuids = [
  '00000000-0000-0000-0000-000000000000',
  '6f9619ff-8b86-d011-b42d-00c04fc964ff',
  'ffffffff-ffff-ffff-ffff-ffffffffff00',
];
const bytes = [new Uint8Array(), new Uint8Array([0]), new Uint8Array([0, 0]), new Uint8Array([255, 32])];
const dates = ['0001-01-01', '2024-02-29', '9999-12-31'];
const moments = ['0001-01-01T00:00:00.000000Z', '2024-02-29T12:00:00.000001Z', '9999-12-31T23:59:59.999999Z'];
const decimals = ['-1.5', '0', '0.0000000001', '99999999999.9'];
const words = ['', 'A', 'B', 'a', 'b ', 'ä', '🎉'];

const kinds: KindOfKey[] = [
  { engine: 'MariaDB', type: 'BINARY(16)', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'UUID', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'CHAR(36)', field: field.uuid(), values: uuids },
  { engine: 'MariaDB', type: 'VARBINARY(20)', field: field.bytes(), values: bytes },
  { engine: 'MariaDB', type: 'DATE', field: field.date(), values: dates },
  { engine: 'MariaDB', type: 'DATETIME(6)', field: field.timestamp(), values: moments },
  { engine: 'MariaDB', type: 'DECIMAL(30,10)', field: field.decimal(), values: decimals },
  {
    engine: 'MariaDB',
    type: 'BIGINT UNSIGNED',
    field: field.bigint(),
    values: [0n, 2n ** 53n + 1n, 2n ** 64n - 1n],
  },
  {
    engine: 'MariaDB',
    type: 'VARCHAR(20) COLLATE utf8mb4_bin',
    field: field.text(),
    values: words.map((word) => word.trim()),
  },
  {
    engine: 'MariaDB',
    type: 'VARCHAR(20) CHARACTER SET latin1',
    field: field.text(),
    values: ['', '€', 'é', 'z'],
  },
  { engine: 'PostgreSQL', type: 'uuid', field: field.uuid(), values: uuids },
  { engine: 'PostgreSQL', type: 'bytea', field: field.uuid(), values: uuids },
  { engine: 'PostgreSQL', type: 'bytea', field: field.bytes(), values: bytes },
  { engine: 'PostgreSQL', type: 'date', field: field.date(), values: dates },
  { engine: 'PostgreSQL', type: 'timestamptz', field: field.timestamp(), values: moments },
  { engine: 'PostgreSQL', type: 'numeric', field: field.decimal(), values: decimals },
  { engine: 'PostgreSQL', type: 'text', field: field.text(), values: words },
  { engine: 'PostgreSQL', type: 'citext', field: field.text(), values: ['', 'A', 'b', 'ä'] },
];

describe.each(kinds)(
  'a key of $engine $type as $field.scalar.kind',
  ({ engine, type, field: key, values }) => {
    test('is written, read, listed in pages and deleted', async () => {
      const fields: Fields = { id: key, note: field.text() };
      const keyed = entity<Record<string, unknown>>({
        name: 'keyed',
        schema: z.custom<Record<string, unknown>>(),
        fields,
        key: 'id',
        legacy: columns({ table: 'keyed' }),
        modern: columns({ table: 'keyed' }),
      });
      await using databases = await createDatabases();
      const url = engine === 'MariaDB' ? databases.mysqlUrl : databases.postgresqlUrl;
      const look = await direct(url);
      if (engine === 'PostgreSQL') await look.rows('CREATE EXTENSION citext');
      const engineOf = engine === 'MariaDB' ? 'CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci' : '';
      await look.rows(`CREATE TABLE keyed (id ${type} NOT NULL PRIMARY KEY, note VARCHAR(20)) ${engineOf}`);
      await look.end();
      const store = openOn('legacy', { entities: [keyed], url });
      try {
        await store.prepare();
        await store.writeState({
          migration: migrationName,
          phase: 'dual-write',
          epoch: fence.epoch,
          open: true,
          readPercent: 0,
          writePercent: 0,
        });
        const writes = values.map((id, index) => writeOf(keyed, { id, note: String(index) }));
        for (const write of writes) {
          expect(await writeOne(store, keyed, write)).toMatchObject({ status: 'applied' });
          expect(await readOne(store, keyed, write.key)).toMatchObject({ image: write.image });
        }
        const listed: Key[] = [];
        for (let after: Key | null = null; ; ) {
          const page: Key[] = await store.keys(keyed, { after, upTo: null, limit: 2 });
          listed.push(...page);
          after = page.at(-1) ?? null;
          if (page.length < 2) break;
        }
        expect(listed.map(String).sort()).toEqual(writes.map((write) => String(write.key)).sort());
        for (const { key: gone } of writes) {
          expect(await writeOne(store, keyed, deleteOf(gone))).toMatchObject({ status: 'applied' });
        }
        expect(await store.countKeys(keyed)).toBe(0);
      } finally {
        await store.close();
      }
    });
  },
);
