import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and does to their connections what networks do. */
export interface Proxy extends AsyncDisposable {
  /** The target's URL, through the proxy. */
  url: string;
  /** Ends all connections and refuses new ones, as when the server is gone. */
  cut(): Promise<void>;
  /** Accepts and keeps connections, but passes nothing on, as when a network has a hole. */
  hang(): void;
  /** Back to normal after `cut` or `hang`; what a hang held back is passed on. */
  restore(): Promise<void>;
  /**
   * Loses acknowledgements: lets requests through, and ends the connection when the server's answer to one comes. `holding` picks the request
   * by a text in it (`COMMIT`, the name of a function); else the next one counts. Resolves when it has happened.
   */
  dropNextAnswer(holding?: string): Promise<void>;
  /** Loses a request: ends the connection before it gets to the server. */
  dropNextRequest(holding: string): Promise<void>;
  close(): Promise<void>;
}

interface Drop {
  what: 'request' | 'answer';
  holding: string;
  victim: Socket | undefined;
  done: () => void;
}

/** @param watch called for each connection; what it gives sees all that the client sends on it */
export async function proxy(targetUrl: string, watch?: () => (request: Buffer) => void): Promise<Proxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let port = 0;
  let hanging = false;
  let drop: Drop | undefined;

  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port || defaultPort(target)) });
    const both = [client, upstream];
    const seen = watch?.();
    for (const socket of both) {
      sockets.add(socket);
      socket.setNoDelay(true);
      if (hanging) socket.pause();
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    client.on('data', (request: Buffer) => {
      seen?.(request);
      if (drop !== undefined && drop.victim === undefined && request.includes(drop.holding)) {
        drop.victim = client;
        if (drop.what === 'request') {
          end(drop, client);
          return;
        }
      }
      upstream.write(request);
    });
    upstream.on('data', (answer) => {
      if (drop === undefined || drop.victim !== client) {
        client.write(answer);
        return;
      }
      end(drop, client);
    });
  });

  const end = ({ done }: Drop, client: Socket) => {
    drop = undefined;
    client.destroy();
    done();
  };
  const dropNext = (what: Drop['what'], holding: string): Promise<void> => {
    if (drop !== undefined) throw new Error('One loss is planned already: await that first');
    return new Promise((done) => {
      drop = { what, holding, victim: undefined, done };
    });
  };

  const listen = async () => {
    if (server.listening) return;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const cut = async () => {
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  await listen();
  const through = new URL(targetUrl);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  return {
    url: through.href,
    cut,
    hang() {
      hanging = true;
      for (const socket of sockets) socket.pause();
    },
    async restore() {
      hanging = false;
      for (const socket of sockets) socket.resume();
      await listen();
    },
    dropNextAnswer: (holding = '') => dropNext('answer', holding),
    dropNextRequest: (holding) => dropNext('request', holding),
    close: cut,
    [Symbol.asyncDispose]: cut,
  };
}

function defaultPort({ protocol }: URL): number {
  return protocol.startsWith('mysql') || protocol.startsWith('mariadb') ? 3306 : 5432;
}
