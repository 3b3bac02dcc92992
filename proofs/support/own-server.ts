import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { accountFor } from '../../deploy/dev/account.ts';
import type { DevServer, Endpoints, Instance, ServerName } from '../../deploy/dev/contract.ts';
import { startDaemon, stopDaemon } from '../../deploy/dev/daemon.ts';
import { findPrograms } from '../../deploy/dev/find-programs.ts';
import { logFolder, serverFolder } from '../../deploy/dev/place.ts';
import { freePort } from '../../deploy/dev/ports.ts';
import { isAlive } from '../../scripts/identity.mjs';
import { onLeaving } from '../../test/support/on-leaving.ts';
import { until } from '../../test/support/until.ts';
import { NotHere } from '../report.ts';

const stopWithinMs = 30_000;
/** Above those of every clone's servers, and below those that systems give to outgoing connections. */
const firstPort = 27_500;
const ports = 4_000;

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
  // So many that two servers which start at the same moment, or one that is to come back, do not meet.
  const somePort = () => freePort(firstPort + randomInt(ports));
  const instance: Instance = {
    way,
    programs,
    folder,
    account,
    port: await somePort(),
    uiPort: server.firstUiPort === null ? null : await somePort(),
    password: randomBytes(18).toString('base64url'),
    process: null,
  };
  const copyFolder = `${folder}-copy`;
  const remove = () => {
    for (const one of [folder, copyFolder]) rmSync(one, { recursive: true, force: true });
  };
  await using building = new AsyncDisposableStack();
  building.defer(remove);
  await server.initialize(instance);
  const log = join(logFolder, `${own}.log`);
  const launch = () => startDaemon(server.command(instance), { log, account });
  const endpoint = server.endpoint(instance);
  const answers = () =>
    until(`${server.title} answers; see ${log}`, async () => {
      if (!isAlive(running)) throw new Error(`${server.title} ended while starting; see ${log}`);
      return await server.ping(endpoint).then(
        () => true,
        () => false,
      );
    });
  let running = await launch();
  const cancel = onLeaving(() => {
    endProcess(running.pid);
    remove();
  });
  const stop = () => stopDaemon(running, server.signals.fast, stopWithinMs);
  building.defer(stop);
  building.defer(cancel);
  await answers();
  const release = building.move();
  const kill = async () => {
    const children = childrenOf(running.pid);
    await stopDaemon(running, 'SIGKILL', stopWithinMs);
    for (const child of children) endProcess(child);
  };
  const restart = async () => {
    running = await launch();
    await answers();
  };
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
    [Symbol.asyncDispose]: () => release.disposeAsync(),
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
