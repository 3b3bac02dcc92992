import { createServer, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toldOf } from '../client/temporal/told.ts';

export interface Health {
  readonly port: number;
  close(): Promise<void>;
}

/** Whoever asks sends a line or two, at once. */
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
} satisfies ServerOptions;
const maxConnections = 64;

/** `/live` while the process serves; `/ready` (200 or 503, with the reasons as JSON) while it can do its work. */
export async function serveHealth(
  port: number,
  host: string,
  reasons: () => Promise<readonly string[]>,
): Promise<Health> {
  const look = oneAtATime(reasons);
  const server = createServer(limits, (request, response) => {
    void answer(request.url ?? '', look).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // A request that is half sent keeps nobody from stopping.
        server.closeAllConnections();
      }),
  };
}

/** However many ask, the stores are asked once at a time. */
function oneAtATime(ask: () => Promise<readonly string[]>): () => Promise<readonly string[]> {
  let underWay: Promise<readonly string[]> | null = null;
  return () => {
    underWay ??= ask()
      .catch((error: unknown) => [toldOf(error)])
      .finally(() => {
        underWay = null;
      });
    return underWay;
  };
}

async function answer(url: string, reasons: () => Promise<readonly string[]>) {
  if (url === '/live') return { status: 200, body: { live: true } };
  if (url !== '/ready') return { status: 404, body: { error: 'use /live or /ready' } };
  const because = await reasons();
  return because.length === 0
    ? { status: 200, body: { ready: true } }
    : { status: 503, body: { ready: false, because } };
}
