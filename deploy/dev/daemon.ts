import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Identity, isAlive, startTimeOf } from '../../scripts/identity.mjs';
import type { Account } from './account.ts';
import type { Command } from './contract.ts';

const POLL_MS = 50;

/** Starts a process that outlives us, its output appended to the log. */
export async function startDaemon(
  { file, args, env }: Command,
  { log, account }: { log: string; account: Account | null },
): Promise<Identity> {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'a', 0o600);
  try {
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
      cwd: '/',
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid;
    if (pid === undefined) throw new Error(`${file} started without a process id`);
    return { pid, startedAt: startTimeOf(pid) ?? '' };
  } finally {
    closeSync(output);
  }
}

/** Sends the signal and waits until the process is gone. A process that outstays its time is killed. */
export async function stopDaemon(
  identity: Identity,
  signal: NodeJS.Signals,
  timeoutMs: number,
): Promise<void> {
  if (!isAlive(identity)) return;
  process.kill(identity.pid, signal);
  if (await isGone(identity, timeoutMs)) return;
  process.kill(identity.pid, 'SIGKILL');
  if (!(await isGone(identity, timeoutMs)))
    throw new Error(`Process ${identity.pid} does not end, even by SIGKILL`);
}

async function isGone(identity: Identity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
