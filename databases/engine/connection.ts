/** What an engine needs to connect, read from the URL and the store's options. */
export interface ConnectionOptions {
  readonly url: URL;
  readonly address: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly tls: { readonly rejectUnauthorized: boolean; readonly ca?: string } | null;
}
