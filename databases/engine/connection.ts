/** What an engine needs to connect, read from the URL and the store's options. */
export interface ConnectionOptions {
  readonly url: URL;
  readonly address: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Null where the connection is not encrypted. */
  readonly tls: Tls | null;
  /** Not encrypted, over a network: whoever stands between can answer for the server, so nothing may hand over the password. */
  readonly isExposed: boolean;
}

/** An encrypted connection. The server's certificate is always checked, before the account or its password is sent. */
export interface Tls {
  /** Whether it must be for the URL's host too, a name or an IP address. */
  readonly checksHost: boolean;
  /** Trusted authority, PEM; default: those that Node knows. */
  readonly ca?: string;
  /** The client's own certificate and its key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}
