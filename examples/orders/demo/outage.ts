import { startServer, status, stopServer } from '../../../deploy/dev/servers.ts';
import { proxy } from '../../../test/proxy.ts';

/** A way to take PostgreSQL away under traffic and to bring it back. */
export interface Outage {
  /** The URL under which the application and the workers know the store. */
  url: string;
  /** What happens, for people. */
  what: string;
  begin(): Promise<void>;
  end(): Promise<void>;
  /** Leaves PostgreSQL as it was found. */
  close(): Promise<void>;
}

/** Stops the server itself where this clone started it. One of the user's own keeps running: its connections are cut. */
export async function outageOf(url: string): Promise<Outage> {
  const servers = await status();
  if (servers.find(({ name }) => name === 'postgresql')?.state !== 'own') {
    let isStopped = false;
    const end = async () => {
      if (isStopped) await startServer('postgresql');
      isStopped = false;
    };
    return {
      url,
      what: 'PostgreSQL is stopped',
      begin: async () => {
        isStopped = true;
        await stopServer('postgresql');
      },
      end,
      close: end,
    };
  }
  const between = await proxy(url);
  return {
    url: between.url,
    what: 'PostgreSQL is your own and keeps running; every connection to it is cut',
    begin: () => between.cut(),
    end: () => between.restore(),
    close: () => between.close(),
  };
}
