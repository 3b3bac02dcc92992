import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountFor } from '../../deploy/dev/account.ts';
import { startDaemon, stopDaemon } from '../../deploy/dev/daemon.ts';
import { own } from '../../deploy/dev/own.ts';
import { unpackedFromDebian } from '../../deploy/dev/unpacked.ts';
import { freePort } from './free-port.ts';
import { onLeaving } from './on-leaving.ts';

const accounts = ['postgres'];
const stopWithinMs = 10_000;

const way = unpackedFromDebian({
  packages: ['pgbouncer'],
  suite: 'trixie',
  programs: ['usr/sbin/pgbouncer'],
  version: /PgBouncer 1\./,
  accounts,
});

export interface Pgbouncer extends AsyncDisposable {
  /** The database, through the pooler. */
  readonly url: string;
}

/** A real pgbouncer before the database of the URL; or why this machine cannot have one. */
export async function pgbouncer(
  url: string,
  settings: Readonly<Record<string, string>>,
): Promise<Pgbouncer | { unavailable: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-pgbouncer-'));
  const found = await way.find({ report: (line) => process.stderr.write(`${line}\n`), folder });
  if ('unavailable' in found) return found;
  const account = accountFor(accounts);
  const port = await freePort();
  const { hostname, port: behind, username, password } = new URL(url);
  const file = join(folder, 'pgbouncer.ini');
  const lines = Object.entries({
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    ...settings,
  }).map(([name, value]) => `${name} = ${value}`);
  const server = `* = host=${hostname} port=${behind} user=${username} password=${password}`;
  writeFileSync(file, ['[databases]', server, '[pgbouncer]', ...lines, ''].join('\n'), { mode: 0o600 });
  own(folder, account);
  own(file, account);
  const log = join(folder, 'log');
  const running = await startDaemon({ file: found.programs ?? '', args: [file] }, { log, account });
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const cancel = onLeaving(() => {
    process.kill(running.pid, 'SIGKILL');
    remove();
  });
  const through = new URL(url);
  through.port = String(port);
  return {
    url: through.href,
    async [Symbol.asyncDispose]() {
      cancel();
      await stopDaemon(running, 'SIGTERM', stopWithinMs);
      remove();
    },
  };
}
