import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as encrypt } from 'node:tls';
import type { DevServer, Instance } from '../../deploy/dev/contract.ts';
import { own } from '../../deploy/dev/own.ts';
import { ownServer } from '../../proofs/support/own-server.ts';
import { type Direct, direct } from '../databases/direct.ts';
import type { Certificate } from './certificates.ts';
import { until } from './until.ts';

/** The account that must show a certificate of the authority; its password is the same as the administrator's. */
export const certified = 'certified';

/** A real database server of a test's own that speaks TLS. */
export interface TlsServer extends AsyncDisposable {
  /** Of the administrator, by IP address and without parameters. */
  readonly url: string;
  /** Goes on with this certificate; resolves when new connections get it. */
  show(certificate: Certificate): Promise<void>;
}

/** @param authorities PEM files: those whose clients it lets in by certificate. MySQL takes no certificate of its own by another one. */
export async function tlsServer(
  base: DevServer<'mysql'> | DevServer<'mysql-9.7'> | DevServer<'postgresql'>,
  first: Certificate,
  authorities: readonly string[],
): Promise<TlsServer> {
  let place: Instance | undefined;
  const put = (instance: Instance, certificate: Certificate) => {
    for (const part of ['cert', 'key'] as const) {
      const file = join(instance.folder, part);
      copyFileSync(certificate[part], file);
      chmodSync(file, 0o600);
      own(file, instance.account);
    }
  };
  const isPostgresql = base.name === 'postgresql';
  const server: DevServer<'mysql' | 'mysql-9.7' | 'postgresql'> = {
    ...base,
    async initialize(instance) {
      place = instance;
      await base.initialize(instance);
      put(instance, first);
      const trusted = join(instance.folder, 'authority');
      writeFileSync(trusted, authorities.map((file) => readFileSync(file, 'utf8')).join(''));
      own(trusted, instance.account);
      if (!isPostgresql) return;
      const access = join(instance.folder, 'data', 'pg_hba.conf');
      const line = `hostssl all ${certified} 127.0.0.1/32 scram-sha-256 clientcert=verify-ca`;
      writeFileSync(access, `${line}\n${readFileSync(access, 'utf8')}`);
    },
    command(instance) {
      const { file, args } = base.command(instance);
      return { file, args: [...args, ...options(isPostgresql, instance.folder)] };
    },
  };
  await using building = new AsyncDisposableStack();
  const running = building.use(await ownServer(server, () => undefined));
  const { url } = running.endpoint;
  const outside = await direct(url);
  building.defer(() => outside.end());
  const { password } = new URL(url);
  const account = `'${certified}'@'127.0.0.1'`;
  const statements = isPostgresql
    ? [`CREATE USER ${certified} PASSWORD '${password}'`]
    : [
        `CREATE USER ${account} IDENTIFIED BY '${password}' REQUIRE X509`,
        `GRANT SELECT ON *.* TO ${account}`,
      ];
  for (const statement of statements) await outside.rows(statement);
  const release = building.move();
  return {
    url,
    async show(certificate) {
      if (!place) throw new Error('the server was never started');
      put(place, certificate);
      if (!isPostgresql) return await flush(outside);
      // It takes its files up a moment later.
      await outside.rows('SELECT pg_reload_conf()');
      const { fingerprint256 } = new X509Certificate(readFileSync(certificate.cert));
      await until('the server shows it', async () => (await shownBy(url)) === fingerprint256);
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}

function options(isPostgresql: boolean, folder: string): string[] {
  const [cert, key, ca] = ['cert', 'key', 'authority'].map((name) => join(folder, name));
  return isPostgresql
    ? ['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`, `ssl_ca_file=${ca}`].flatMap((setting) => [
        '-c',
        setting,
      ])
    : [`--ssl-cert=${cert}`, `--ssl-key=${key}`, `--ssl-ca=${ca}`];
}

async function flush({ rows }: Direct): Promise<void> {
  const [server] = await rows('SELECT VERSION() AS version');
  await rows(server?.version?.includes('MariaDB') ? 'FLUSH SSL' : 'ALTER INSTANCE RELOAD TLS');
}

/** The fingerprint of the certificate that PostgreSQL has for new connections. */
async function shownBy(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    await once(socket, 'data');
    const encrypted = encrypt({ socket, rejectUnauthorized: false });
    await once(encrypted, 'secureConnect');
    return encrypted.getPeerX509Certificate()?.fingerprint256;
  } finally {
    socket.destroy();
  }
}
