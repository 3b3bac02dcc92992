import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromColumn } from '../../databases/columns/column.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { Scalar } from '../../model/scalar.ts';
import { createDatabases, type Databases } from '../support/servers.ts';
import { engineRoles, openEngineAs } from './engine-roles.ts';

/** What a column of the type holds when it is given the literals, and the canonical text of each. */
interface Sample {
  type: string;
  scalar: Scalar;
  values: Record<string, string>;
}

const text: Scalar = { kind: 'text' };
const decimal = (scale: number): Scalar => ({ kind: 'decimal', scale });
const time = (precision: number | null): Scalar => ({ kind: 'time', precision });
const timestamp = (precision: number | null): Scalar => ({ kind: 'timestamp', precision });

/** Values with one form at both engines. */
const words = {
  "''": '',
  "' '": ' ',
  "'a  '": 'a  ',
  "'Straße \u00a0 𝄞🎉'": 'Straße \u00a0 𝄞🎉',
  "'null'": 'null',
  "'it''s \"3:a|b\"'": 'it\'s "3:a|b"',
};
const moments = {
  "'0001-01-01 00:00:00'": '0001-01-01T00:00:00.000000Z',
  "'9999-12-31 23:59:59.999999'": '9999-12-31T23:59:59.999999Z',
  "'2024-02-29 12:00:00.5'": '2024-02-29T12:00:00.500000Z',
  "'2024-02-29 12:00:00.000001'": '2024-02-29T12:00:00.000001Z',
};
/** A field that says no precision has six digits, whatever its column keeps. */
const millisecond = { "'2024-02-29 12:00:00.125'": '2024-02-29T12:00:00.125000Z' };
const second = { "'2024-02-29 12:00:00'": '2024-02-29T12:00:00.000000Z' };
const uuid = { "'6F9619FF-8b86-d011-b42d-00c04fc964ff'": '6f9619ff-8b86-d011-b42d-00c04fc964ff' };
const whole = { '-5': '-5', '0': '0', '120': '120' };
const money = { '0': '0.00', '-0.5': '-0.50', '1234.5': '1234.50', '-0.00': '0.00', '100': '100.00' };

const samples: Record<'MariaDB' | 'PostgreSQL', Sample[]> = {
  MariaDB: [
    { type: 'SMALLINT', scalar: { kind: 'integer' }, values: whole },
    { type: 'INT(8) UNSIGNED ZEROFILL', scalar: { kind: 'integer' }, values: { '7': '7', '0': '0' } },
    { type: 'DECIMAL(6,2) ZEROFILL', scalar: decimal(2), values: { '7': '7.00', '0.5': '0.50' } },
    { type: 'YEAR', scalar: { kind: 'integer' }, values: { '2024': '2024', '0': '0' } },
    {
      type: 'BIGINT UNSIGNED',
      scalar: { kind: 'bigint' },
      values: { '18446744073709551615': '18446744073709551615' },
    },
    { type: 'DECIMAL(20,0)', scalar: { kind: 'bigint' }, values: whole },
    { type: 'INT', scalar: decimal(0), values: whole },
    { type: 'TINYINT(1)', scalar: { kind: 'boolean' }, values: { '1': 'true', '0': 'false' } },
    { type: 'DECIMAL(12,2)', scalar: decimal(2), values: money },
    { type: 'DECIMAL(12,4)', scalar: decimal(2), values: money },
    { type: 'DATE', scalar: { kind: 'date' }, values: { "'0001-01-01'": '0001-01-01' } },
    { type: 'TIME(6)', scalar: time(6), values: { "'00:00:00.5'": '00:00:00.500000' } },
    { type: 'TIME(6)', scalar: time(2), values: { "'23:59:59.99'": '23:59:59.99' } },
    { type: 'TIME', scalar: time(0), values: { "'23:59:59'": '23:59:59' } },
    { type: 'DATETIME(6)', scalar: timestamp(6), values: moments },
    {
      type: 'DATETIME(6)',
      scalar: timestamp(1),
      values: { "'2024-01-01 00:00:00.5'": '2024-01-01T00:00:00.5Z' },
    },
    { type: 'DATETIME', scalar: timestamp(0), values: { "'2024-01-01 00:00:00'": '2024-01-01T00:00:00Z' } },
    {
      type: 'TIMESTAMP(3) NULL',
      scalar: timestamp(3),
      values: { "'2024-01-01 00:00:00.12'": '2024-01-01T00:00:00.120Z' },
    },
    { type: 'DATETIME(3)', scalar: timestamp(null), values: millisecond },
    { type: 'DATETIME', scalar: timestamp(null), values: second },
    { type: 'DATETIME(6)', scalar: timestamp(null), values: moments },
    { type: 'TIME(3)', scalar: time(null), values: { "'00:00:00.5'": '00:00:00.500000' } },
    { type: 'UUID', scalar: { kind: 'uuid' }, values: uuid },
    { type: 'CHAR(36)', scalar: { kind: 'uuid' }, values: uuid },
    { type: 'VARBINARY(20)', scalar: { kind: 'bytes' }, values: { "x'00FF270a'": '00ff270a', "''": '' } },
    { type: 'BINARY(3)', scalar: { kind: 'bytes' }, values: { "x'00FF00'": '00ff00' } },
    { type: 'VARCHAR(100)', scalar: text, values: words },
    { type: 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', scalar: text, values: words },
    { type: 'VARCHAR(20) CHARACTER SET latin1', scalar: text, values: { "'Grüße €'": 'Grüße €' } },
    { type: 'VARCHAR(20) CHARACTER SET utf16', scalar: text, values: { "'Grüße 🎉'": 'Grüße 🎉' } },
    { type: 'CHAR(8)', scalar: text, values: { "'A1'": 'A1', "''": '' } },
    { type: "ENUM('calm', 'Cross', '1')", scalar: text, values: { "'Cross'": 'Cross', "'1'": '1' } },
  ],
  PostgreSQL: [
    { type: 'smallint', scalar: { kind: 'integer' }, values: whole },
    {
      type: 'bigint',
      scalar: { kind: 'bigint' },
      values: { '-9223372036854775808': '-9223372036854775808' },
    },
    { type: 'numeric(20,0)', scalar: { kind: 'bigint' }, values: whole },
    { type: 'integer', scalar: decimal(0), values: whole },
    { type: 'boolean', scalar: { kind: 'boolean' }, values: { true: 'true', false: 'false' } },
    { type: 'smallint', scalar: { kind: 'boolean' }, values: { '1': 'true', '0': 'false' } },
    { type: 'numeric(12,2)', scalar: decimal(2), values: money },
    { type: 'numeric(12,4)', scalar: decimal(2), values: money },
    { type: 'date', scalar: { kind: 'date' }, values: { "'0001-01-01'": '0001-01-01' } },
    { type: 'time', scalar: time(6), values: { "'00:00:00.5'": '00:00:00.500000' } },
    { type: 'time', scalar: time(2), values: { "'23:59:59.99'": '23:59:59.99' } },
    { type: 'time(0)', scalar: time(0), values: { "'23:59:59'": '23:59:59' } },
    { type: 'timestamp', scalar: timestamp(6), values: moments },
    {
      type: 'timestamptz',
      scalar: timestamp(6),
      values: { "'2024-01-01 01:00:00+01'": '2024-01-01T00:00:00.000000Z' },
    },
    {
      type: 'timestamp',
      scalar: timestamp(1),
      values: { "'2024-01-01 00:00:00.5'": '2024-01-01T00:00:00.5Z' },
    },
    {
      type: 'timestamp(0)',
      scalar: timestamp(0),
      values: { "'2024-01-01 00:00:00'": '2024-01-01T00:00:00Z' },
    },
    {
      type: 'timestamptz(3)',
      scalar: timestamp(3),
      values: { "'2024-01-01 00:00:00.12+00'": '2024-01-01T00:00:00.120Z' },
    },
    { type: 'timestamp(3)', scalar: timestamp(null), values: millisecond },
    { type: 'timestamptz(0)', scalar: timestamp(null), values: second },
    { type: 'timestamp', scalar: timestamp(null), values: moments },
    { type: 'time(3)', scalar: time(null), values: { "'00:00:00.5'": '00:00:00.500000' } },
    { type: 'uuid', scalar: { kind: 'uuid' }, values: uuid },
    { type: 'char(36)', scalar: { kind: 'uuid' }, values: uuid },
    { type: 'bytea', scalar: { kind: 'bytes' }, values: { "'\\x00FF270a'": '00ff270a', "''": '' } },
    { type: 'varchar(100)', scalar: text, values: words },
    { type: 'text', scalar: text, values: words },
    { type: 'char(8)', scalar: text, values: { "'A1'": 'A1', "''": '' } },
  ],
};

/** Literals that the column takes and the field cannot hold: their text must not be that of another value. */
const foreign: Record<
  'MariaDB' | 'PostgreSQL',
  { type: string; scalar: Scalar; literal: string; not: string }[]
> = {
  MariaDB: [
    { type: 'TINYINT', scalar: { kind: 'boolean' }, literal: '2', not: 'true' },
    { type: 'DECIMAL(12,4)', scalar: decimal(2), literal: '1.2345', not: '1.23' },
    {
      type: 'DATETIME(6)',
      scalar: timestamp(0),
      literal: "'2024-01-01 00:00:00.4'",
      not: '2024-01-01T00:00:00Z',
    },
    { type: 'TIME(6)', scalar: time(3), literal: "'00:00:00.1234'", not: '00:00:00.123' },
  ],
  PostgreSQL: [
    { type: 'smallint', scalar: { kind: 'boolean' }, literal: '2', not: 'true' },
    { type: 'numeric(12,4)', scalar: decimal(2), literal: '1.2345', not: '1.23' },
    { type: 'numeric(12,2)', scalar: decimal(2), literal: "'NaN'", not: '0.00' },
    {
      type: 'timestamp',
      scalar: timestamp(0),
      literal: "'2024-01-01 00:00:00.4'",
      not: '2024-01-01T00:00:00Z',
    },
    {
      type: 'timestamp',
      scalar: timestamp(6),
      literal: "'0044-03-15 00:00:00 BC'",
      not: '0044-03-15T00:00:00.000000Z',
    },
    { type: 'timestamp', scalar: timestamp(6), literal: "'infinity'", not: '9999-12-31T23:59:59.999999Z' },
    { type: 'date', scalar: { kind: 'date' }, literal: "'0044-03-15 BC'", not: '0044-03-15' },
    { type: 'time', scalar: time(3), literal: "'00:00:00.1234'", not: '00:00:00.123' },
  ],
};

describe.each(engineRoles)('canonical text at $engine as $role', ({ engine: name, role }) => {
  let databases: Databases;
  let engine: Engine;
  /** What a session of ours makes is in no schema by itself. */
  const schema = name === 'PostgreSQL' ? 'public.' : '';
  let tables = 0;
  beforeAll(async () => {
    databases = await createDatabases();
    engine = openEngineAs(role, name === 'PostgreSQL' ? databases.postgresqlUrl : databases.mysqlUrl);
  });
  afterAll(async () => {
    await engine?.close();
    await databases?.drop();
  });

  async function textsOf(type: string, scalar: Scalar, literals: readonly string[]) {
    tables += 1;
    const table = `${schema}sample_${tables}`;
    await engine.query(`CREATE TABLE ${table} (at integer PRIMARY KEY, v ${type})`);
    const rows = [...literals, 'NULL'].map((literal, at) => `(${at}, ${literal})`);
    await engine.query(`INSERT INTO ${table} VALUES ${rows.join(', ')}`);
    const column = (await engine.catalogue(table))?.columns[1];
    const sql = column?.canonical('t.v', scalar);
    if (!column || !sql) throw new Error(`${type} has no canonical text`);
    const found = await engine.query(
      `SELECT ${sql} AS text, ${column.read('t.v')} AS stored FROM ${table} t ORDER BY at`,
    );
    return { column, found };
  }

  test.each(samples[name])('of $type as $scalar.kind', async ({ type, scalar, values }) => {
    const { column, found } = await textsOf(type, scalar, Object.keys(values));
    expect(found.map((row) => row.text)).toEqual([...Object.values(values), null]);
    for (const { text: told, stored } of found) {
      const canonical = fromColumn(column, scalar, stored ?? null);
      expect(told).toBe(canonical === null ? null : String(canonical));
    }
  });

  test.each(foreign[name])(
    'of $literal in $type is that of no $scalar.kind',
    async ({ type, scalar, literal, not }) => {
      const { column, found } = await textsOf(type, scalar, [literal]);
      expect(found[0]?.text).not.toBe(not);
      expect(() => fromColumn(column, scalar, found[0]?.stored ?? null)).toThrow(NotCanonical);
    },
  );

  test('floats and JSON have none', async () => {
    await engine.query(`CREATE TABLE ${schema}vague (id integer PRIMARY KEY, f double precision, j json)`);
    const [, float, json] = (await engine.catalogue(`${schema}vague`))?.columns ?? [];
    expect(float?.canonical('t.f', { kind: 'float' })).toBeNull();
    expect(json?.canonical('t.j', { kind: 'json' })).toBeNull();
  });
});
