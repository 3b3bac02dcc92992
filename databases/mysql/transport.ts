import { connect, isIP } from 'node:net';
import { type AuthPlugin, authPlugins } from 'mysql2';
import type mysql from 'mysql2/promise';
import type { ConnectionOptions } from '../engine/connection.ts';
import { PasswordKept } from '../engine/password-kept.ts';

/** Where the driver connects, and how it makes sure that it has the server before it sends the account and its password. */
export function transport({
  url,
  tls,
  isExposed,
}: Pick<ConnectionOptions, 'url' | 'tls' | 'isExposed'>): mysql.ConnectionOptions {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 3306);
  const place = { host, port, enableKeepAlive: true };
  if (!tls) return isExposed ? { ...place, authPlugins: keepingPasswords() } : place;
  const { checksHost, ...certificates } = tls;
  const encrypted = {
    ...place,
    ssl: { ...certificates, rejectUnauthorized: true, verifyIdentity: checksHost },
  };
  return checksHost && isIP(host) ? { ...encrypted, stream: () => socketFor(host, port) } : encrypted;
}

/**
 * The driver tells TLS no host where it is an IP address, and TLS would compare the certificate with "localhost". Then it asks the socket
 * beneath, which knows a host only where it has looked a name up. Where a socket no longer says it, every such connection is refused.
 */
function socketFor(host: string, port: number) {
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  return Object.assign(socket, { _host: host });
}

/**
 * Over an unencrypted connection these methods send the password by a key that the server hands out, whoever it is. The key is not taken.
 * Where the server remembers the account, the first of them needs no password.
 */
function keepingPasswords(): Record<string, AuthPlugin> {
  const onServerPublicKey = () => {
    throw new PasswordKept();
  };
  return {
    caching_sha2_password: rejecting(authPlugins.caching_sha2_password({ onServerPublicKey })),
    sha256_password: rejecting(authPlugins.sha256_password({ onServerPublicKey })),
  };
}

/** What a plugin throws at once would end the process; the driver waits for what it rejects. */
function rejecting(plugin: AuthPlugin): AuthPlugin {
  return (given) => {
    const answer = plugin(given);
    return (data) => {
      try {
        return answer(data);
      } catch (error) {
        const rejected: Promise<Buffer> = Promise.reject(error);
        return rejected;
      }
    };
  };
}
