import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '../../../scripts/lock.mjs';
import { npm } from '../../../scripts/npm.mjs';

/** The last one at which each write had a workflow of its own. */
export const olderCommit = 'e06f524';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const folder = join(root, '.lockstep', olderCommit);

/** Takes the commit's files out of the repository, once, with the packages that it names itself. */
export async function checkOutOlder(note: (line: string) => void): Promise<void> {
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return;
    const made = `${folder}.new`;
    const archive = `${folder}.tar`;
    rmSync(made, { recursive: true, force: true });
    mkdirSync(made, { recursive: true });
    try {
      await run('git', ['archive', `--output=${archive}`, olderCommit], { cwd: root });
    } catch (error) {
      throw new Error(
        `commit ${olderCommit}, which Lockstep is compared with, is not in ${root}; clone the repository whole ` +
          `(git fetch --unshallow), or leave the way "older" out by --ways`,
        { cause: error },
      );
    }
    await run('tar', ['--extract', `--file=${archive}`, `--directory=${made}`]);
    rmSync(archive);
    note(`installing the packages of commit ${olderCommit} (npm ci, about 300 MB)`);
    await npm(['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: made,
    });
    renameSync(made, folder);
  });
}

/** A module of the commit. What its tests alone need, they find among the packages of the project around it. */
export async function olderModule<Module>(path: string): Promise<Module> {
  return (await import(join(folder, path))) as Module;
}
