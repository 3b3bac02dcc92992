import { type ServerName, startServer, status, stopServer } from '../../deploy/dev/servers.ts';
import { proxy } from './proxy.ts';

/** A way to take PostgreSQL away under traffic and to bring it back. What is left of it is undone at its disposal. */
export interface Outage extends AsyncDisposable {
  /** The URL under which the application and its workers know the store. */
  readonly url: string;
  /** What happens, for people. */
  readonly what: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** Stops the server, where this clone has started it and it need not go on for others; cuts all connections otherwise. */
export async function postgresqlOutage(
  url: string,
  { othersUseIt = false }: { othersUseIt?: boolean } = {},
): Promise<Outage> {
  const { host } = new URL(url);
  const server = (await status()).find(({ address }) => address === host);
  const isYours = server === undefined || server.state === 'own';
  return isYours || othersUseIt ? cutConnections(url, isYours) : stopTheServer(url, server.name);
}

async function cutConnections(url: string, isYours: boolean): Promise<Outage> {
  const between = await proxy(url);
  return {
    url: between.url,
    what: `every connection to PostgreSQL is cut; the server${isYours ? ' is your own and' : ''} keeps running`,
    begin: () => between.cut(),
    end: () => between.restore(),
    [Symbol.asyncDispose]: () => between.close(),
  };
}

function stopTheServer(url: string, name: ServerName): Outage {
  let isStopped = false;
  const end = async () => {
    if (isStopped) await startServer(name);
    isStopped = false;
  };
  return {
    url,
    what: 'PostgreSQL is stopped',
    begin: async () => {
      isStopped = true;
      await stopServer(name);
    },
    end,
    [Symbol.asyncDispose]: end,
  };
}
