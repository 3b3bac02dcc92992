import { startServer, status, stopServer } from '../../deploy/dev/servers.ts';
import { proxy } from '../proxy.ts';

/** A way to take PostgreSQL away and to bring it back. */
export interface Outage extends AsyncDisposable {
  /** What the application and its workers know the store by. */
  url: string;
  how: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** Stops the server, where this clone has started it and others do not need it; cuts all connections otherwise. */
export async function outageOf(url: string, leaveServer: boolean): Promise<Outage> {
  const servers = await status();
  const isOwn = servers.find(({ name }) => name === 'postgresql')?.state === 'own';
  return isOwn || leaveServer ? cutConnections(url, isOwn) : stopTheServer(url);
}

async function cutConnections(url: string, isOwn: boolean): Promise<Outage> {
  const between = await proxy(url);
  return {
    url: between.url,
    how: `every connection is cut; the server runs on${isOwn ? ', for it is the user’s own' : ''}`,
    begin: () => between.cut(),
    end: () => between.restore(),
    [Symbol.asyncDispose]: () => between.close(),
  };
}

function stopTheServer(url: string): Outage {
  let isStopped = false;
  const end = async () => {
    if (isStopped) await startServer('postgresql');
    isStopped = false;
  };
  return {
    url,
    how: 'the server is stopped',
    begin: async () => {
      isStopped = true;
      await stopServer('postgresql');
    },
    end,
    [Symbol.asyncDispose]: end,
  };
}
