import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Account } from '../../deploy/dev/account.ts';
import { serverFolder } from '../../deploy/dev/place.ts';
import { onLeaving } from '../../test/support/on-leaving.ts';

const prefix = 'proof-disk-';

/** A file system of its own, in memory, that a server can fill. It is gone when it is left. */
export interface SmallDisk extends Disposable {
  readonly folder: string;
  enlarge(megabytes: number): void;
}

/** @param account whose the folder is; null where that is our own */
export function smallDisk(account: Account | null, megabytes: number): SmallDisk {
  const folder = serverFolder(`${prefix}${process.pid}-${randomBytes(4).toString('hex')}`, account);
  removeLeftover(dirname(folder));
  const owner = account ? `,uid=${account.uid},gid=${account.gid}` : '';
  mount(['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700${owner}`, 'tmpfs', folder]);
  const release = () => {
    // Lazily: what still has a file open there keeps nobody else waiting.
    command('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  const cancel = onLeaving(release);
  return {
    folder,
    enlarge: (size) => mount(['-o', `remount,size=${size}m`, folder]),
    [Symbol.dispose]() {
      cancel();
      release();
    },
  };
}

/** The disks of processes that were killed: nobody else unmounts them. */
function removeLeftover(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = Number(name.startsWith(prefix) ? name.slice(prefix.length).split('-')[0] : Number.NaN);
    if (!Number.isInteger(pid) || isRunning(pid)) continue;
    const folder = join(base, name);
    try {
      command('umount', ['-l', folder]);
    } catch {
      // It was never mounted, or is unmounted already.
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Why no file system can be mounted here; null where it can. */
export function noDiskReason(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-disk-'));
  try {
    mount(['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    command('umount', ['-l', folder]);
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `a small file system cannot be mounted here (${reason}): run it on Linux as root, or with CAP_SYS_ADMIN`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function mount(args: readonly string[]): void {
  command('mount', args);
}

function command(file: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(stderr.trim().split('\n')[0] || `${file} ended with ${status}`);
}
