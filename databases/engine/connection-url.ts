import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { StoreOptions } from '../../model/migration.ts';
import type { ConnectionOptions, Tls } from './connection.ts';

/** PostgreSQL's words, for both engines. */
const ownParameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const;
type OwnParameter = (typeof ownParameters)[number];

/** These encrypt, and do not look at who answers: the password would go to whoever stands between. */
const unverified = ['allow', 'prefer', 'require'];

/** They would take a connection elsewhere, or take its TLS away, behind the URL's host and `sslmode`. */
const redirecting = /^(ssl.*|gss.*|host|hostaddr|port|uselibpqcompat)$/;

const hostPattern = /^([\w.-]+|\[[\da-f:.]+\])$/i;
/** Of a Unix socket, as the URL has it. */
const socketFolder = /^%2f([\w.~-]|%[\da-f]{2})*$/i;

/**
 * How a store is reached, from its connection string. Both engines take `sslmode=verify-full` (encrypted; the certificate is of a trusted
 * authority and for this host), `verify-ca` (of a trusted authority) and `disable`. Without it: `disable` on loopback, else `verify-full`.
 * `sslrootcert` names the authority's PEM file (default: the authorities that Node knows), `sslcert` and `sslkey` a client's certificate.
 *
 * @throws LockstepError `InvalidDefinition`; the URL's text is left out, because it may hold a password
 */
export function connectionOf(name: StoreName, text: string, options: StoreOptions): ConnectionOptions {
  const fault = (reason: string) =>
    new LockstepError('InvalidDefinition', `the ${name} store's ${options.urlFrom} ${reason}`, {
      store: name,
      path: options.urlFrom,
    });
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw fault('is not a URL');
  }
  if (url.hostname === '') throw fault('names no host');
  const isPostgresql = url.protocol.startsWith('postgres');
  const account = { user: url.username, password: url.password, database: url.pathname };
  for (const [part, written] of Object.entries(account))
    if (!isDecodable(written)) throw fault(`has a % in its ${part} that begins no code; write it as %25`);
  if (!(isPostgresql && socketFolder.test(url.hostname)) && !hostPattern.test(url.hostname))
    throw fault('has a host that is neither a name nor an address');
  const given = (parameter: OwnParameter) => url.searchParams.get(parameter);
  const asked = {
    mode: given('sslmode'),
    authority: given('sslrootcert'),
    certificate: given('sslcert'),
    key: given('sslkey'),
  };
  for (const parameter of ownParameters) url.searchParams.delete(parameter);
  const strange = [...url.searchParams.keys()].find((key) => !isPostgresql || redirecting.test(key));
  if (strange !== undefined)
    throw fault(`has the parameter ${strange}, which is not taken; there are ${ownParameters.join(', ')}`);
  const hasFiles = asked.authority !== null || asked.certificate !== null || asked.key !== null;
  const isLocal = isLoopback(url.hostname);
  const mode = asked.mode ?? (isLocal && !hasFiles ? 'disable' : 'verify-full');
  const port = url.port || (isPostgresql ? '5432' : '3306');
  return {
    url,
    address: `${url.hostname}:${port}${url.pathname}`,
    poolSize: options.poolSize,
    connectTimeoutMs: options.connectTimeoutMs,
    statementTimeoutMs: options.statementTimeoutMs,
    tls: tlsOf(mode),
    isExposed: mode === 'disable' && !isLocal,
  };

  function tlsOf(wanted: string): Tls | null {
    if (unverified.includes(wanted))
      throw fault(
        `has sslmode=${wanted}, which does not check who answers, so anyone between could be handed the password; use verify-full ` +
          '(with sslrootcert=FILE where the authority is your own), or disable where the network is safe',
      );
    if (wanted === 'disable') {
      if (hasFiles) throw fault('has sslmode=disable and certificates; remove one of them');
      return null;
    }
    if (wanted !== 'verify-full' && wanted !== 'verify-ca')
      throw fault(`has an sslmode that does not exist: "${wanted}"; use verify-full, verify-ca or disable`);
    if ((asked.certificate === null) !== (asked.key === null))
      throw fault('must have both sslcert and sslkey, or neither');
    return {
      checksHost: wanted === 'verify-full',
      ...(asked.authority === null ? {} : { ca: contentOf('sslrootcert', asked.authority) }),
      ...(asked.certificate === null ? {} : { cert: contentOf('sslcert', asked.certificate) }),
      ...(asked.key === null ? {} : { key: contentOf('sslkey', asked.key) }),
    };
  }

  function contentOf(parameter: OwnParameter, file: string): string {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      throw fault(`has ${parameter}=${file}, which cannot be read (${code}); name a PEM file`);
    }
  }
}

/** Of this machine alone: nobody else can listen, or answer. A name below `localhost` is not: many machines ask the network for it. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost' || socketFolder.test(host);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
