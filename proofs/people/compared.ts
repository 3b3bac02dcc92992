import { createConnection } from 'mysql2/promise';
import pg from 'pg';

const mysqlRow = `CONCAT_WS('|', id, email, name, IFNULL(city, '~'), balance, visits, DATE_FORMAT(seen_at, '%Y-%m-%d %H:%i:%s.%f'), IFNULL(note, '~'))`;
const postgresqlRow = `concat_ws('|', id, email, name, coalesce(city, '~'), balance, visits, to_char(seen_at, 'YYYY-MM-DD HH24:MI:SS.US'), coalesce(note, '~'))`;

/** How many people differ between the two tables, by plain SQL past everything of ours. */
export async function differingPeople(mysqlUrl: string, postgresqlUrl: string): Promise<number> {
  const left = await mysqlPeople(mysqlUrl);
  const right = await postgresqlPeople(postgresqlUrl);
  const ids = new Set([...left.keys(), ...right.keys()]);
  return [...ids].filter((id) => left.get(id) !== right.get(id)).length;
}

async function mysqlPeople(url: string): Promise<Map<string, string>> {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(
      `SELECT CAST(id AS CHAR) AS id, SHA2(${mysqlRow}, 256) AS digest FROM people`,
    );
    return asMap(rows);
  } finally {
    await connection.end();
  }
}

async function postgresqlPeople(url: string): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return asMap(
      (
        await client.query(
          `SELECT id::text AS id, encode(sha256(convert_to(${postgresqlRow}, 'UTF8')), 'hex') AS digest FROM people`,
        )
      ).rows,
    );
  } finally {
    await client.end();
  }
}

function asMap(rows: unknown): Map<string, string> {
  return new Map((rows as { id: string; digest: string }[]).map(({ id, digest }) => [id, digest]));
}
