import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import type { StoreUrls } from '../account/environment.ts';

const schema = z.object({
  id: z.bigint(),
  name: z.string(),
  email: z.string().nullable(),
  amount: z.string(),
  active: z.boolean(),
  seen: z.iso.datetime({ precision: 6 }).nullable(),
});

/** Six columns of a table that has eight. */
export const customer = entity({
  name: 'customer',
  schema,
  key: 'id',
  fields: { id: field.bigint(), amount: field.decimal({ scale: 2 }) },
  legacy: table('customers'),
  modern: table('customers'),
});

export const comparedColumns = Object.keys(customer.fields);

const tables = {
  legacy: `CREATE TABLE customers (
    id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL, email VARCHAR(100), amount DECIMAL(12,2) NOT NULL,
    active TINYINT(1) NOT NULL, seen DATETIME(6), note VARCHAR(100), kind CHAR(8)
  ) CHARACTER SET utf8mb4`,
  modern: `CREATE TABLE customers (
    id bigint PRIMARY KEY, name varchar(100) NOT NULL, email varchar(100), amount numeric(12,2) NOT NULL,
    active boolean NOT NULL, seen timestamp, note varchar(100), kind char(8))`,
};

/** A bit over a second apart, never twice the same, with microseconds. */
const stepMicroseconds = 1_234_567;

const rows = {
  legacy: (count: number) => {
    const digits =
      '(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)';
    const places = Array.from({ length: String(count).length }, (_, at) => `${digits} d${at}`);
    const number = places.map((_, at) => `d${at}.d * ${10 ** at}`).join(' + ');
    return `INSERT INTO customers
      SELECT n, CONCAT('customer number ', n), IF(n % 10 = 0, NULL, CONCAT('user', n, '@example.com')),
        (n * 37 % 1000000) / 100, n % 2, '2020-01-01' + INTERVAL n * ${stepMicroseconds} MICROSECOND,
        CONCAT('note ', LEFT(SHA2(n, 256), 32)), CONCAT('kind', n % 7)
      FROM (SELECT ${number} AS n FROM ${places.join(', ')}) numbers WHERE n BETWEEN 1 AND ${count} ORDER BY n`;
  },
  modern: (count: number) => `INSERT INTO customers
    SELECT n, 'customer number ' || n, CASE WHEN n % 10 = 0 THEN NULL ELSE 'user' || n || '@example.com' END,
      (n * 37 % 1000000) / 100.0, n % 2 = 1, timestamp '2020-01-01' + n * interval '${stepMicroseconds} microsecond',
      'note ' || left(encode(sha256(n::text::bytea), 'hex'), 32), 'kind' || n % 7
    FROM generate_series(1::bigint, ${count}) n`,
};

/** Creates the tables and fills both with the same rows, made inside the databases. */
export async function fillCustomers(urls: StoreUrls, count: number): Promise<void> {
  const legacy = await createConnection(urls.legacy);
  const modern = new pg.Client({ connectionString: urls.modern });
  try {
    await modern.connect();
    await Promise.all([legacy.query(tables.legacy), modern.query(tables.modern)]);
    await Promise.all([legacy.query(rows.legacy(count)), modern.query(rows.modern(count))]);
    await modern.query('VACUUM ANALYZE customers');
    await legacy.query('ANALYZE TABLE customers');
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
}
