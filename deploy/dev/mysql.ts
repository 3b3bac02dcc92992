import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { aptGet } from './apt.ts';
import { dockerCompose } from './compose.ts';
import type { DevServer, Found, Instance, Way } from './contract.ts';
import { own } from './own.ts';
import { ownUrl } from './own-url.ts';
import { cloneId } from './place.ts';
import { isExecutable, run, which } from './programs.ts';
import { isUnpacked, unpackedFromDebian } from './unpacked.ts';

const usualFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/opt/homebrew/bin',
  '/usr/local/mysql/bin',
];
const accounts = ['mysql'];
const INITIALIZE_MS = 120_000;
const PING_MS = 5_000;
// A Unix socket's name may have 107 bytes at most on Linux, 103 on macOS.
const SOCKET_BYTES = 100;

type Name = 'mysql' | 'mysql-9.7' | 'mariadb-11.8';

function server<N extends Name>(
  own: Pick<DevServer<N>, 'name' | 'title' | 'variable' | 'firstPort' | 'ways'>,
): DevServer<N> {
  return { ...own, ...shared, ownEndpoint: (env) => ownUrl(env, own.variable, ['mysql:', 'mariadb:']) };
}

/** The same for all of them. */
const shared: Omit<DevServer<Name>, 'name' | 'title' | 'variable' | 'firstPort' | 'ways' | 'ownEndpoint'> = {
  firstUiPort: null,
  accounts,
  signals: { fast: 'SIGTERM', kill: 'SIGKILL' },

  async initialize({ programs, folder, account, password }) {
    const data = join(folder, 'data');
    if (programs !== null && !existsSync(data)) {
      const draft = `${data}.new`;
      rmSync(draft, { recursive: true, force: true });
      await run(await initialization(programs, draft), {
        timeoutMs: INITIALIZE_MS,
        account,
      });
      renameSync(draft, data);
    }
    const statements = [
      `CREATE USER IF NOT EXISTS 'lockstep'@'127.0.0.1' IDENTIFIED BY '${password}';`,
      `ALTER USER 'lockstep'@'127.0.0.1' IDENTIFIED BY '${password}';`,
      `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`,
      "GRANT ALL PRIVILEGES ON *.* TO 'lockstep'@'127.0.0.1' WITH GRANT OPTION;",
    ];
    const file = join(folder, 'accounts.sql');
    rmSync(file, { force: true });
    writeFileSync(file, `${statements.join('\n')}\n`, { mode: 0o600 });
    own(file, account);
  },

  command({ programs, folder, port }) {
    return {
      file: programs ?? 'mariadbd',
      args: [
        '--no-defaults',
        ...(programs === null ? [] : baseOf(programs)),
        `--datadir=${join(folder, 'data')}`,
        `--init-file=${join(folder, 'accounts.sql')}`,
        `--pid-file=${join(folder, 'mysql.pid')}`,
        `--socket=${socket(folder)}`,
        '--loose-mysqlx=OFF',
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        '--skip-name-resolve',
        '--max-connections=400',
        '--character-set-server=utf8mb4',
        '--default-time-zone=+00:00',
        '--innodb-flush-log-at-trx-commit=1',
        '--innodb-buffer-pool-size=256M',
        '--skip-log-bin',
        // MySQL's default is off; the way without it has tests of its own.
        '--local-infile=ON',
        // Folders of these that a package makes are not there where nothing was installed.
        '--secure-file-priv=',
      ],
    };
  },

  endpoint: ({ port, password }) => ({ url: `mysql://lockstep:${password}@127.0.0.1:${port}/mysql` }),

  async ping({ url }) {
    const connection = await createConnection({ uri: url, connectTimeout: PING_MS });
    try {
      await connection.query({ sql: 'SELECT 1', timeout: PING_MS });
      await connection.end();
    } finally {
      connection.destroy();
    }
  },
};

export const mysql: DevServer<'mysql'> = server({
  name: 'mysql',
  title: 'MySQL/MariaDB',
  variable: 'LOCKSTEP_DEV_MYSQL_URL',
  firstPort: 13306,
  ways: [
    {
      name: '`mariadbd` or `mysqld` on the PATH or in the usual places',
      remedy: 'install MariaDB 10.6+ or MySQL 8+',
      find: async () => find(['mariadbd', 'mysqld']),
    },
    dockerCompose,
    aptGet(['mariadb-server'], () => find(['mariadbd', 'mysqld'])),
  ],
});

export const mysql97: DevServer<'mysql-9.7'> = server({
  name: 'mysql-9.7',
  title: 'MySQL 9.7',
  variable: 'LOCKSTEP_DEV_MYSQL_9_7_URL',
  firstPort: 23306,
  ways: [
    ofVersion('mysqld', /\bVer 9\.7\./),
    dockerCompose,
    unpackedFromDebian({
      packages: ['mysql-server-core'],
      suite: 'sid',
      programs: ['usr/sbin/mysqld'],
      version: /\bVer 9\.7\./,
      accounts,
    }),
  ],
});

export const mariadb118: DevServer<'mariadb-11.8'> = server({
  name: 'mariadb-11.8',
  title: 'MariaDB 11.8',
  variable: 'LOCKSTEP_DEV_MARIADB_11_8_URL',
  firstPort: 25306,
  ways: [
    ofVersion('mariadbd', /\bVer 11\.8\./),
    dockerCompose,
    unpackedFromDebian({
      packages: ['mariadb-server-core', 'mariadb-client-core'],
      suite: 'trixie',
      programs: ['usr/sbin/mariadbd', 'usr/bin/my_print_defaults', 'usr/bin/resolveip'],
      version: /\bVer 11\.8\./,
      accounts,
    }),
  ],
});

function find(names: readonly string[]): Found {
  const program = names.flatMap((name) => which(name, usualFolders) ?? [])[0];
  return program === undefined
    ? { unavailable: `not on the PATH or in ${usualFolders.join(', ')}` }
    : { programs: program };
}

/** One on the PATH or in the usual places, where it is of the version that is asked for. */
function ofVersion(name: string, version: RegExp): Way {
  return {
    name: `\`${name}\` of this version on the PATH or in the usual places`,
    remedy: '',
    async find() {
      const found = find([name]);
      if (!('programs' in found) || found.programs === null) return found;
      const text = await versionOf(found.programs);
      return version.test(text) ? found : { unavailable: `it is ${text.trim()}` };
    },
  };
}

function versionOf(program: string): Promise<string> {
  return run({ file: program, args: ['--no-defaults', '--version'] }, { timeoutMs: PING_MS });
}

/** A program that was unpacked elsewhere than it was built for is told where its own files are. */
function baseOf(program: string): string[] {
  return isUnpacked(program) ? [`--basedir=${dirname(dirname(program))}`] : [];
}

async function initialization(program: string, data: string) {
  const base = baseOf(program);
  if (!(await versionOf(program)).includes('MariaDB')) {
    return { file: program, args: ['--no-defaults', ...base, '--initialize-insecure', `--datadir=${data}`] };
  }
  const prefix = dirname(dirname(program));
  const installer =
    [join(prefix, 'bin'), join(prefix, 'scripts')]
      .map((folder) => join(folder, 'mariadb-install-db'))
      .find(isExecutable) ?? which('mariadb-install-db');
  if (installer === undefined) {
    throw new Error(
      `${program} is there, but mariadb-install-db is not: install the whole MariaDB server package`,
    );
  }
  return {
    file: installer,
    args: [
      '--no-defaults',
      ...base,
      `--datadir=${data}`,
      '--skip-test-db',
      '--auth-root-authentication-method=socket',
    ],
  };
}

function socket(folder: Instance['folder']): string {
  const near = join(folder, 'mysql.sock');
  return Buffer.byteLength(near) <= SOCKET_BYTES ? near : join(tmpdir(), `lockstep-${cloneId}.sock`);
}
