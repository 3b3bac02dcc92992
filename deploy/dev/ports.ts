import { createServer } from 'node:net';
import { cloneId } from './place.ts';

const TRIES = 50;

/**
 * A free loopback port: the wanted one, else one near it that other clones are unlikely to try at the same moment. Never one the system
 * gives to outgoing connections, because it could be gone when a stopped server comes back.
 */
export async function freePort(wanted: number, taken: ReadonlySet<number> = new Set()): Promise<number> {
  const start = wanted + 1 + (Number.parseInt(cloneId.slice(0, 6), 16) % 900);
  const candidates = [wanted, ...Array.from({ length: TRIES }, (_, index) => start + index)];
  for (const port of candidates) {
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(
    `No free port on 127.0.0.1: ${wanted} and ${start} to ${start + TRIES - 1} are all in use. Stop what uses them`,
  );
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
