import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { accountFor } from '../../deploy/dev/account.ts';
import type { DevServer, Endpoints, Instance, ServerName } from '../../deploy/dev/contract.ts';
import { startDaemon, stopDaemon } from '../../deploy/dev/daemon.ts';
import { findPrograms } from '../../deploy/dev/find-programs.ts';
import { logFolder, serverFolder } from '../../deploy/dev/place.ts';
import { freePort } from '../../deploy/dev/ports.ts';
import { onLeaving } from '../../test/support/on-leaving.ts';
import { until } from '../../test/support/until.ts';
import { NotHere } from '../report.ts';

const stopWithinMs = 30_000;

/** A server that a proof has to itself, and may kill. It is removed with its data when the proof is over. */
export interface OwnServer<Name extends ServerName> extends AsyncDisposable {
  readonly endpoint: Endpoints[Name];
  /** SIGKILL, of its children too: nothing is flushed, nobody is told. */
  kill(): Promise<void>;
  /** Starts it again on the same data; resolves when it answers. */
  restart(): Promise<void>;
  /**
   * Keeps a copy of its data folder, as of a moment at which it is stopped. The answer, which may be called once, puts the copy
   * in the place of what is there then, as a restore from a backup does.
   */
  copy(): Promise<() => Promise<void>>;
  /** SIGKILL, and its data is gone. It starts again with nothing. */
  lose(): Promise<void>;
}

export async function ownServer<Name extends ServerName>(
  server: DevServer<Name>,
  note: (line: string) => void,
): Promise<OwnServer<Name>> {
  const account = accountFor(server.accounts);
  // Another proof or test may run at the same time.
  const own = `proof-${server.name}-${randomBytes(4).toString('hex')}`;
  const folder = serverFolder(own, account);
  const { way, programs } = await findPrograms(server, { report: note, folder });
  if (programs === null)
    throw new NotHere(`${server.title} runs in a container here; the proof starts and ends processes`);
  const port = await freePort(server.firstPort + 2_000);
  const instance: Instance = {
    way,
    programs,
    folder,
    account,
    port,
    uiPort: server.firstUiPort === null ? null : await freePort(server.firstUiPort + 2_000),
    password: randomBytes(18).toString('base64url'),
    process: null,
  };
  await server.initialize(instance);
  const log = join(logFolder, `${own}.log`);
  const launch = () => startDaemon(server.command(instance), { log, account });
  const endpoint = server.endpoint(instance);
  const answers = () =>
    until(`${server.title} answers; see ${log}`, () =>
      server.ping(endpoint).then(
        () => true,
        () => false,
      ),
    );
  const copyFolder = `${folder}-copy`;
  const remove = () => {
    for (const one of [folder, copyFolder]) rmSync(one, { recursive: true, force: true });
  };
  let running = await launch();
  const cancel = onLeaving(() => {
    endProcess(running.pid);
    remove();
  });
  await answers();
  const kill = async () => {
    const children = childrenOf(running.pid);
    await stopDaemon(running, 'SIGKILL', stopWithinMs);
    for (const child of children) endProcess(child);
  };
  const restart = async () => {
    running = await launch();
    await answers();
  };
  const stop = () => stopDaemon(running, server.signals.fast, stopWithinMs);
  return {
    endpoint,
    kill,
    restart,
    async copy() {
      await stop();
      rmSync(copyFolder, { recursive: true, force: true });
      copyTree(folder, copyFolder);
      await restart();
      return async () => {
        await stop();
        rmSync(folder, { recursive: true, force: true });
        renameSync(copyFolder, folder);
        await restart();
      };
    },
    async lose() {
      await kill();
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
      await server.initialize(instance);
      await restart();
    },
    async [Symbol.asyncDispose]() {
      cancel();
      await stop();
      remove();
    },
  };
}

/** With owners, rights and links, which a database insists on. */
function copyTree(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}

function childrenOf(pid: number): number[] {
  try {
    const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
    return listed.split('\n').map(Number).filter(Boolean);
  } catch {
    // Nothing is listed, and the exit code is 1.
    return [];
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended with its parent.
  }
}
