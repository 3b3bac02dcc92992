import { createServer, type ServerOptions } from 'node:http';
import { listening, stopListening } from '../client/listening.ts';

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  close(): Promise<void>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Whoever asks sends a line or two, at once. */
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
} satisfies ServerOptions;
const maxConnections = 64;

/** Answers by a request's path alone, and lets nobody keep it from others, or from its end. */
export async function serveHttp(
  place: { port: number; host: string },
  answer: (url: string) => Promise<HttpAnswer>,
): Promise<HttpServer> {
  const server = createServer(limits, (request, response) => {
    answer(request.url ?? '').then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      () => response.destroy(),
    );
  });
  server.maxConnections = maxConnections;
  const port = await listening(server, place);
  const close = () => stopListening(server);
  return { port, close, [Symbol.asyncDispose]: close };
}
