import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { aptGet } from './apt.ts';
import { dockerCompose } from './compose.ts';
import type { DevServer, Found, Instance } from './contract.ts';
import { own } from './own.ts';
import { ownUrl } from './own-url.ts';
import { cloneId } from './place.ts';
import { run, which } from './programs.ts';

const usualFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/opt/homebrew/bin',
  '/usr/local/mysql/bin',
];
const variable = 'LOCKSTEP_DEV_MYSQL_URL';
const INITIALIZE_MS = 120_000;
const PING_MS = 5_000;
// A Unix socket's name may have 107 bytes at most on Linux, 103 on macOS.
const SOCKET_BYTES = 100;

export const mysql: DevServer<'mysql'> = {
  name: 'mysql',
  title: 'MySQL/MariaDB',
  variable,
  firstPort: 13306,
  firstUiPort: null,
  accounts: ['mysql'],
  signals: { fast: 'SIGTERM', kill: 'SIGKILL' },
  ways: [
    {
      name: '`mariadbd` or `mysqld` on the PATH or in the usual places',
      remedy: 'install MariaDB 10.6+ or MySQL 8+',
      find: async () => find(),
    },
    dockerCompose,
    aptGet(['mariadb-server'], find),
  ],

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
      ],
    };
  },

  endpoint: ({ port, password }) => ({ url: `mysql://lockstep:${password}@127.0.0.1:${port}/mysql` }),

  ownEndpoint: (env) => ownUrl(env, variable, ['mysql:', 'mariadb:']),

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

function find(): Found {
  const program = which('mariadbd', usualFolders) ?? which('mysqld', usualFolders);
  return program === undefined
    ? { unavailable: `neither is on the PATH or in ${usualFolders.join(', ')}` }
    : { programs: program };
}

async function initialization(program: string, data: string) {
  const version = await run({ file: program, args: ['--no-defaults', '--version'] }, { timeoutMs: PING_MS });
  if (!version.includes('MariaDB')) {
    return { file: program, args: ['--no-defaults', '--initialize-insecure', `--datadir=${data}`] };
  }
  const prefix = dirname(dirname(program));
  const installer = which('mariadb-install-db', [join(prefix, 'bin'), join(prefix, 'scripts')]);
  if (installer === undefined) {
    throw new Error(
      `${program} is there, but mariadb-install-db is not: install the whole MariaDB server package`,
    );
  }
  return {
    file: installer,
    args: [
      '--no-defaults',
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
