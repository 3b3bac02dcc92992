import { createHash } from 'node:crypto';
import { chownSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Account, canReach } from './account.ts';

/** Whose servers they are: this clone's, or, where the package is installed, those of the project that a command is run in. */
export const clone = realpathSync(
  import.meta.filename.endsWith('.ts') ? resolve(import.meta.dirname, '../..') : process.cwd(),
);
export const stateFolder = join(clone, '.lockstep');
export const logFolder = join(stateFolder, 'log');

/** Tells this clone from others on the same machine. */
export const cloneId = createHash('sha256').update(clone).digest('hex').slice(0, 10);

/** Programs that take long to make and serve every clone of this user. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lockstep', 'bin');

/** As `cacheFolder`, for programs that run under the account: under /var/tmp where it cannot reach that of the user. */
export function programFolder(account: Account | null): string {
  mkdirSync(cacheFolder, { recursive: true });
  return account === null || canReach(cacheFolder, account)
    ? cacheFolder
    : ownFolder(join('/var/tmp', `lockstep-bin-${process.getuid?.()}`));
}

/**
 * A folder for one server: under the clone, or, where the server's account cannot reach that (a clone under root's home, or in
 * a private temporary folder), under /var/tmp.
 */
export function serverFolder(name: string, account: Account | null): string {
  const base = join(stateFolder, 'servers');
  mkdirSync(base, { recursive: true, mode: 0o755 });
  return make(
    account === null || canReach(base, account) ? join(base, name) : join(publicBase(), name),
    account,
  );
}

function publicBase(): string {
  return ownFolder(join('/var/tmp', `lockstep-${cloneId}`));
}

function ownFolder(base: string): string {
  mkdirSync(base, { recursive: true, mode: 0o755 });
  const status = lstatSync(base);
  // /var/tmp is open to all: somebody else may have made the folder, or a link in its place.
  if (!status.isDirectory() || status.uid !== process.getuid?.()) {
    throw new Error(`${base} belongs to another user (uid ${status.uid}): remove it`);
  }
  return base;
}

function make(folder: string, account: Account | null): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account !== null) chownSync(folder, account.uid, account.gid);
  return folder;
}
