import { createServer } from 'node:net';
import { listening } from '../client/listening.ts';
import { type HttpServer, serveHttp } from './http-server.ts';

export interface MetricsEndpoint {
  /** Where Temporal's runtime is to serve them, for this endpoint alone. */
  readonly source: string;
  serve(): Promise<HttpServer>;
}

/** Whoever runs on this machine can keep Temporal's runtime from answering. */
const answerWithinMs = 5_000;

const exposition = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * `/metrics` in Prometheus' form. Temporal's runtime serves them without a limit on connections or on the time that a request takes, so that
 * half-sent ones would take all of the process's descriptors. It does so on loopback alone, behind an endpoint that has limits.
 */
export async function metricsEndpoint(place: { host: string; port: number }): Promise<MetricsEndpoint> {
  const source = `127.0.0.1:${await freePort()}`;
  return {
    source,
    serve: () =>
      serveHttp(place, async (url) => {
        if (url !== '/metrics') return { status: 404, type: 'text/plain', body: 'use /metrics' };
        const signal = AbortSignal.timeout(answerWithinMs);
        const found = await fetch(`http://${source}/metrics`, { signal });
        return { status: found.status, type: exposition, body: await found.text() };
      }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server, { host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
