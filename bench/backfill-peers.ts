import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';

/** Seconds that a way takes for all rows. */
export type Timed = () => Promise<number>;

const columns = 'id, email, name, city, balance, visits, seen_at, note';

/** pgloader with its defaults, into a schema of its own; a reason where it cannot be had. */
export async function pgloader(
  urls: { legacy: string; modern: string },
  folder: string,
): Promise<Timed | { unavailable: string }> {
  if (!onPath('pgloader')) {
    await shell('apt-get install -q -y --no-install-recommends pgloader').catch(() => undefined);
    if (!onPath('pgloader'))
      return { unavailable: 'pgloader is not installed, and apt-get cannot install it' };
  }
  const file = join(folder, 'people.load');
  writeFileSync(
    file,
    `LOAD DATABASE FROM ${urls.legacy.replace(/\?.*$/, '')} INTO ${urls.modern.replace(/\?.*$/, '')}
WITH include drop, create tables, create indexes, reset no sequences
INCLUDING ONLY TABLE NAMES MATCHING 'people';
`,
  );
  return async () => {
    const seconds = await timed(() => shell(`pgloader --quiet --root-dir ${folder} ${file}`));
    const [row] = await onModern(
      urls.modern,
      `SELECT count(*) AS rows FROM "${databaseOf(urls.legacy)}".people`,
    );
    if (!row || Number(row.rows) === 0) throw new Error('pgloader copied nothing');
    await onModern(urls.modern, `DROP SCHEMA "${databaseOf(urls.legacy)}" CASCADE`);
    return seconds;
  };
}

/** The ceiling: one program's output into the other, with nothing kept, resumed, guarded or indexed. */
export function shellPipe(urls: { legacy: string; modern: string }): Timed {
  const from = new URL(urls.legacy);
  const client = onPath('mariadb') ? 'mariadb' : 'mysql';
  const connection = `--host=${from.hostname} --port=${from.port || 3306} --user=${decodeURIComponent(from.username)}`;
  const command = `${client} ${connection} --batch --quick --skip-column-names ${databaseOf(urls.legacy)} -e 'SELECT ${columns} FROM people' | psql --quiet '${urls.modern}' -c "\\copy piped FROM STDIN WITH (NULL 'NULL')"`;
  return async () => {
    await onModern(urls.modern, 'CREATE UNLOGGED TABLE piped (LIKE people)');
    try {
      return await timed(() => shell(command, { MYSQL_PWD: decodeURIComponent(from.password) }));
    } finally {
      await onModern(urls.modern, 'DROP TABLE piped');
    }
  };
}

/** What a first script does: read a row, write a row. */
export function rowByRow(urls: { legacy: string; modern: string }, rows: number): Timed {
  return async () => {
    const legacy = await createConnection({ uri: urls.legacy, dateStrings: true });
    const modern = new pg.Client({ connectionString: urls.modern });
    await modern.connect();
    try {
      await modern.query('CREATE TABLE looped (LIKE people INCLUDING ALL)');
      return await timed(async () => {
        const [found] = await legacy.query({
          sql: `SELECT ${columns} FROM people ORDER BY id LIMIT ${rows}`,
          rowsAsArray: true,
        });
        for (const row of found as unknown[][]) {
          await modern.query('INSERT INTO looped VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', row);
        }
      });
    } finally {
      await modern.query('DROP TABLE IF EXISTS looped');
      await legacy.end();
      await modern.end();
    }
  };
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

async function shell(command: string, environment: NodeJS.ProcessEnv = {}): Promise<void> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said = `${said}${data}`.slice(-2_000);
  });
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command.split(' ')[0]}: ${said}`)),
    );
  });
}

async function onModern(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}
