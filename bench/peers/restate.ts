import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as restate from '@restatedev/restate-sdk';
import * as clients from '@restatedev/restate-sdk-clients';
import type { Account } from '../../proofs/account/account.ts';
import { freePort } from '../../test/support/free-port.ts';
import { openUpserts } from '../writes/upserts.ts';
import type { Open } from '../writes/way.ts';

// The program itself: the package's own command would leave it behind where it is killed.
const program = join(
  import.meta.dirname,
  `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
);
const readyWithinMs = 60_000;

/** Restate's own server, with its log and its waits for the disk as they are by default; the service runs in this process. */
export const open: Open = async ({ stores, folder }) => {
  await using building = new AsyncDisposableStack();
  const upserts = building.use(openUpserts(stores));
  const service = restate.service({
    name: 'accounts',
    handlers: {
      write: async (context: restate.Context, account: Account): Promise<void> => {
        await context.run('both', async () => {
          await Promise.all([upserts.legacy(account), upserts.modern(account)]);
        });
      },
    },
  });
  const endpoint = createServer(restate.createEndpointHandler({ services: [service], logger: logErrors }));
  endpoint.listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  building.defer(() => void endpoint.close());
  const server = building.use(await startServer(folder));
  const { port } = endpoint.address() as AddressInfo;
  await register(server.admin, `http://127.0.0.1:${port}`);
  const client = clients.connect({ url: server.ingress }).serviceClient<typeof service>({ name: 'accounts' });
  const release = building.move();
  return {
    write: async (account) => await client.write(account),
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
};

const logErrors: restate.LoggerTransport = ({ level }, ...message) => {
  if (level === 'error') console.error('restate:', ...message);
};

async function startServer(folder: string) {
  const [ingress, admin, node] = await Promise.all([freePort(), freePort(), freePort()]);
  const server = spawn(
    program,
    ['--no-logo', '--listen-mode', 'tcp', '--bind-ip', '127.0.0.1', '--base-dir', folder],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      // Of a group of its own: an interrupt of the terminal must not end it before the way has closed.
      detached: true,
      env: {
        ...process.env,
        DO_NOT_TRACK: '1',
        RESTATE_DISABLE_TELEMETRY: 'true',
        // It asks GitHub for the newest release, which need not answer.
        RESTATE_LOG_FILTER: 'error,octocrab=off',
        RESTATE_ADVERTISED_HOST: '127.0.0.1',
        RESTATE_BIND_PORT: String(node),
        RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
        RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
        RESTATE_SHUTDOWN_TIMEOUT: '5s',
      },
    },
  );
  return {
    ingress: `http://127.0.0.1:${ingress}`,
    admin: `http://127.0.0.1:${admin}`,
    async [Symbol.asyncDispose]() {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const gone = once(server, 'exit');
      server.kill('SIGTERM');
      const force = setTimeout(() => server.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(force);
    },
  };
}

/** Tried until the server is up. */
async function register(admin: string, uri: string): Promise<void> {
  const end = Date.now() + readyWithinMs;
  for (;;) {
    const answer = await fetch(`${admin}/deployments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri }),
    }).catch(() => null);
    if (answer?.ok) return;
    if (Date.now() > end)
      throw new Error(`restate-server took no deployment within a minute: ${await answer?.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
