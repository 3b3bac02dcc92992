import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { LockstepError } from '../model/failure.ts';

const causes: Readonly<Partial<Record<string, string>>> = {
  EADDRINUSE: 'another process has it; end that one, or choose another port',
  EACCES: 'this account may not; choose a port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address; use one of its own',
  ENOTFOUND: 'there is no such host; use an address of this machine',
};

/** Resolves to the port. Throws `InvalidDefinition` where the server cannot listen there. */
export async function listening(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.name;
      const why = `${host}:${port} cannot be listened on (${code})`;
      reject(new LockstepError('InvalidDefinition', `${why}: ${causes[code] ?? 'choose another address'}`));
    });
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Takes no more connections, and resolves when the server has closed. A request that is half sent keeps nobody from stopping. */
export async function stopListening(server: HttpServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
