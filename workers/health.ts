import { toldOf } from '../client/temporal/told.ts';
import { type HttpServer, serveHttp } from './http-server.ts';

/** `/live` while the process serves; `/ready` (200 or 503, with the reasons as JSON) while it can do its work. */
export async function serveHealth(
  port: number,
  host: string,
  reasons: () => Promise<readonly string[]>,
): Promise<HttpServer> {
  const look = oneAtATime(reasons);
  return await serveHttp({ port, host }, async (url) => {
    const { status, body } = await answer(url, look);
    return { status, type: 'application/json', body: JSON.stringify(body) };
  });
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
