import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Seconds that a way takes for all rows. */
export type Timed = () => Promise<number>;

const rowsPerPage = 20_000;
const escapes: Readonly<Record<string, string>> = { '\t': 't', '\n': 'n', '\r': 'r' };
const columns = 'id, email, name, city, balance, visits, seen_at, note';

/** pgloader with its defaults, into a schema of its own; a reason where it cannot be had. */
export async function pgloader(
  urls: { legacy: string; modern: string },
  folder: string,
): Promise<Timed | { unavailable: string }> {
  if (!onPath('pgloader')) {
    await shell('apt-get install -q -y --no-install-recommends pgloader').catch(() => '');
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
  const schema = databaseOf(urls.legacy);
  const load = async () => {
    let said = '';
    const seconds = await timed(async () => {
      said = await shell(`pgloader --quiet --root-dir ${folder} ${file} 2>&1`);
    });
    // It ends with 0 where it could not even log in: MySQL 9 has none of the ways that it knows.
    const [there] = await onModern(urls.modern, `SELECT to_regclass('"${schema}".people') AS name`);
    if (!there?.name) return { unavailable: `pgloader copied nothing: ${said.trim()}` };
    await onModern(urls.modern, `DROP SCHEMA "${schema}" CASCADE`);
    return seconds;
  };
  const first = await load();
  if (typeof first !== 'number') return first;
  return async () => {
    const seconds = await load();
    if (typeof seconds !== 'number') throw new Error(seconds.unavailable);
    return seconds;
  };
}

/** What a better script does, in some twenty lines: pages by key, one COPY each, nothing kept of how far it came. */
export function pageByPage(urls: { legacy: string; modern: string }): Timed {
  return async () => {
    const legacy = await createConnection({ uri: urls.legacy, typeCast: (field) => field.string() });
    const modern = new pg.Client({ connectionString: urls.modern });
    await modern.connect();
    try {
      await modern.query('CREATE TABLE paged (LIKE people INCLUDING ALL)');
      return await timed(async () => {
        for (let after = '0'; ; ) {
          const [found] = await legacy.query({
            sql: `SELECT ${columns} FROM people WHERE id > ? ORDER BY id LIMIT ${rowsPerPage}`,
            values: [after],
            rowsAsArray: true,
          });
          const rows = found as (string | null)[][];
          if (rows.length === 0) return;
          const text = rows.map((row) => `${row.map(copied).join('\t')}\n`).join('');
          await pipeline(Readable.from([text]), modern.query(copyFrom(`COPY paged (${columns}) FROM STDIN`)));
          after = rows.at(-1)?.[0] ?? after;
        }
      });
    } finally {
      await modern.query('DROP TABLE IF EXISTS paged');
      await legacy.end();
      await modern.end();
    }
  };
}

/** A cell as COPY takes it. */
function copied(cell: string | null): string {
  if (cell === null) return '\\N';
  return cell.replaceAll(/[\\\t\n\r]/g, (found) => `\\${escapes[found] ?? found}`);
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

/** Gives the end of what it printed. */
async function shell(command: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      said = `${said}${data}`.slice(-2_000);
    });
  return await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(said) : reject(new Error(`${command.split(' ')[0]}: ${said}`)),
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
