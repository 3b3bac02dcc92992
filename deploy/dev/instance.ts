import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../scripts/identity.mjs';
import { accountFor } from './account.ts';
import { containerOf, startContainer, stopContainer } from './compose.ts';
import type { DevServer, Instance, Report, ServerName, StopMode } from './contract.ts';
import { startDaemon, stopDaemon } from './daemon.ts';
import { findPrograms } from './find-programs.ts';
import { logFolder, serverFolder } from './place.ts';
import { freePort, isFree, ownPort } from './ports.ts';
import { reasonOf } from './reason.ts';
import { readState, remember } from './state.ts';

const READY_MS = 120_000;
const STOP_MS = 60_000;
const POLL_MS = 100;
const PORT_TRIES = 3;

export function logOf(name: ServerName): string {
  return join(logFolder, `${name}.log`);
}

/** Whether the process or container that we started is there. Whether it answers is another question. */
export async function isRunning(name: ServerName, instance: Instance): Promise<boolean> {
  if (instance.programs === null) return (await containerOf(name, instance)) !== undefined;
  return instance.process !== null && isAlive(instance.process);
}

/** Starts the server of this clone, or finds it running; resolves when it answers. */
export async function start<Name extends ServerName>(
  server: DevServer<Name>,
  report: Report,
): Promise<Instance> {
  const known = readState().servers[server.name];
  if (known !== undefined && (await isRunning(server.name, known))) {
    await untilReady(server, known);
    return known;
  }
  const since = Date.now();
  let instance = await locate(server, known, report);
  for (let attempt = 1; ; attempt += 1) {
    instance = await withFreePorts(server, instance);
    // Remembered before anything is made: a data folder whose password is lost is of no use.
    remember(server.name, instance);
    try {
      instance = await launch(server, instance);
      await untilReady(server, instance);
      break;
    } catch (error) {
      // Another program may have taken the port between our look and the server's start.
      if (
        attempt === PORT_TRIES ||
        (await isRunning(server.name, instance)) ||
        (await arePortsFree(instance))
      ) {
        throw error;
      }
    }
  }
  report(
    `${server.title} is up on 127.0.0.1:${instance.port} (${((Date.now() - since) / 1000).toFixed(1)} s; ${instance.way})`,
  );
  return instance;
}

export async function stop(server: DevServer, instance: Instance, mode: StopMode): Promise<void> {
  if (instance.programs === null) return stopContainer(server.name, instance, mode);
  if (instance.process === null) return;
  await stopDaemon(instance.process, server.signals[mode], STOP_MS);
  remember(server.name, { ...instance, process: null });
}

async function locate(server: DevServer, known: Instance | undefined, report: Report): Promise<Instance> {
  if (
    known !== undefined &&
    (known.programs === null || existsSync(known.programs)) &&
    existsSync(known.folder)
  )
    return known;
  const folder = serverFolder(server.name, accountFor(server.accounts));
  const found = await findPrograms(server, { report, folder });
  // Asked again: a package that was installed just now brings an account.
  const account = accountFor(server.accounts);
  return {
    ...found,
    folder: serverFolder(server.name, account),
    account,
    port: known?.port ?? ownPort(server.firstPort),
    uiPort: known?.uiPort ?? (server.firstUiPort === null ? null : ownPort(server.firstUiPort)),
    password: known?.password ?? randomBytes(18).toString('base64url'),
    process: null,
  };
}

async function withFreePorts(server: DevServer, instance: Instance): Promise<Instance> {
  const port = (await isFree(instance.port)) ? instance.port : await freePort(server.firstPort);
  if (instance.uiPort === null || server.firstUiPort === null) return { ...instance, port };
  const uiPort = (await isFree(instance.uiPort))
    ? instance.uiPort
    : await freePort(server.firstUiPort, new Set([port]));
  return { ...instance, port, uiPort };
}

async function arePortsFree({ port, uiPort }: Instance): Promise<boolean> {
  return (await isFree(port)) && (uiPort === null || (await isFree(uiPort)));
}

async function launch(server: DevServer, instance: Instance): Promise<Instance> {
  if (instance.programs === null) {
    await startContainer(server.name, instance);
    return instance;
  }
  await server.initialize(instance);
  const { account } = instance;
  const launched = {
    ...instance,
    process: await startDaemon(server.command(instance), { log: logOf(server.name), account }),
  };
  remember(server.name, launched);
  return launched;
}

async function untilReady<Name extends ServerName>(
  server: DevServer<Name>,
  instance: Instance,
): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      await server.ping(server.endpoint(instance));
      // It may be somebody else's server that answers, and ours that found its port taken.
      if (await isRunning(server.name, instance)) return;
      throw new Error('another server answers in its place');
    } catch (error) {
      const reason = reasonOf(error);
      if (!(await isRunning(server.name, instance))) {
        throw new Error(`${server.title} ended while starting (${instance.way}): see ${logOf(server.name)}`, {
          cause: error,
        });
      }
      if (Date.now() > deadline) {
        throw new Error(
          `${server.title} runs, but does not answer on 127.0.0.1:${instance.port} after ${READY_MS / 1000} s (${reason}): see ${logOf(server.name)}`,
          { cause: error },
        );
      }
      await sleep(POLL_MS);
    }
  }
}
