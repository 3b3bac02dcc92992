import type { StoreFailure } from '../contract/write.ts';
import { PasswordKept } from './password-kept.ts';

/** What OpenSSL and Node call a certificate that is not accepted. */
const certificateCodes = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  // The MySQL driver puts it in the place of all of these.
  'HANDSHAKE_SSL_ERROR',
]);

/** A connection that could not be made as `sslmode` wants it; null for every other error. Names hosts and certificates, no values. */
export function tlsFailure(error: unknown): StoreFailure | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof PasswordKept) return failureOf(error.message, error.remedy);
  const code = 'code' in error ? String(error.code) : '';
  // Drivers' words: PostgreSQL's gives this one no code, and MySQL's takes the code of a wrong name away.
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT' || /does not support SSL connections/.test(error.message))
    return failureOf(
      'the server takes no encrypted connections',
      'turn TLS on at the server, or ask for an unencrypted connection with sslmode=disable in the URL',
    );
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || /altnames|cert's (list|CN)/.test(error.message))
    return failureOf(
      `the server's certificate is for another host: ${error.message}`,
      'connect by a name or address that the certificate holds, or have it made for this one; sslmode=verify-ca leaves the host out',
    );
  if (certificateCodes.has(code) || code.startsWith('ERR_SSL_'))
    return failureOf(
      `the server's certificate is not trusted, or it does not trust ours: ${error.message}`,
      "name the authority's PEM file by sslrootcert in the URL, and a client's certificate by sslcert and sslkey where the server asks for one",
    );
  return null;
}

function failureOf(message: string, remedy: string): StoreFailure {
  return { code: 'StoreUnavailable', about: 'network', message, remedy };
}
