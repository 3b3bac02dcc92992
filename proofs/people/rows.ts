import { createConnection } from 'mysql2/promise';
import pg from 'pg';

const batch = 100_000;
const digits =
  '(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';

/** Fills `people` with the ids 1 to `count`; the seed says what stands in the rows. */
export async function fillPeople(url: string, count: number, seed: number): Promise<void> {
  const salt = seed % 1_000_000;
  if (url.startsWith('postgres')) {
    await onPostgresql(url, [
      `INSERT INTO people SELECT i, concat('person.', i, '@example.org'), concat('Name ', md5(concat(i, '/${salt}'))),
         CASE WHEN i % 7 <> 0 THEN concat('Town ', i % 9973) END, (i::bigint * 37 % 1000000) / 100.0, i % 97,
         timestamp '2020-01-01' + make_interval(secs => i::bigint * 7919 % 100000000) + interval '1 microsecond' * (i % 1000000),
         CASE WHEN i % 3 <> 0 THEN concat(E'note\\t', i, E' \\\\ ', repeat('x', i % 40)) END
       FROM generate_series(1, ${count}) i`,
      'ANALYZE people',
    ]);
    return;
  }
  const number = `a.d + b.d * 10 + c.d * 100 + e.d * 1000 + f.d * 10000`;
  const statements: string[] = [];
  for (let from = 1; from <= count; from += batch) {
    statements.push(
      `INSERT INTO people SELECT i, concat('person.', i, '@example.org'), concat('Name ', left(sha2(concat(i, '/${salt}'), 256), 32)),
         if(i % 7 = 0, null, concat('Town ', i % 9973)), (i * 37 % 1000000) / 100, i % 97,
         timestamp '2020-01-01 00:00:00.000000' + interval (i * 7919 % 100000000) second + interval (i % 1000000) microsecond,
         if(i % 3 = 0, null, concat('note\\t', i, ' \\\\ ', repeat('x', i % 40)))
       FROM (SELECT ${from} + ${number} AS i FROM ${digits} a, ${digits} b, ${digits} c, ${digits} e, ${digits} f ORDER BY i) n
       WHERE i <= ${count}`,
    );
  }
  await onMysql(url, [...statements, 'ANALYZE TABLE people']);
}

export async function run(url: string, statements: readonly string[]): Promise<void> {
  await (url.startsWith('postgres') ? onPostgresql(url, statements) : onMysql(url, statements));
}

async function onMysql(url: string, statements: readonly string[]): Promise<void> {
  const connection = await createConnection(url);
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function onPostgresql(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
