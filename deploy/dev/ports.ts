import { createServer } from 'node:net';
import { cloneId } from './place.ts';

const TRIES = 50;

/**
 * The port that this clone would like, at or above `first`. Clones differ in it, because the port of a server that is stopped
 * for a while is free, and another clone must not take it.
 */
export function ownPort(first: number): number {
  return first + (Number.parseInt(cloneId.slice(0, 6), 16) % 900);
}

/**
 * A free loopback port: the clone's own, else one above it. Never one the system gives to outgoing connections, because it
 * could be gone when a stopped server comes back.
 */
export async function freePort(first: number, taken: ReadonlySet<number> = new Set()): Promise<number> {
  const start = ownPort(first);
  for (let port = start; port < start + TRIES; port++) {
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(
    `No free port on 127.0.0.1: ${start} to ${start + TRIES - 1} are all in use. Stop what uses them`,
  );
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
