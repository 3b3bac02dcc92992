import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { withLock } from './lock.mjs';
import { npm } from './npm.mjs';

export const root = resolve(import.meta.dirname, '..');

/** Runs `npm ci` when node_modules is not what package-lock.json says. Everything it prints goes to stderr. */
export async function install() {
  if (isInstalled()) return;
  await withLock(
    join(root, '.lockstep', 'install.lock'),
    async () => {
      if (isInstalled()) return;
      console.error('installing packages (npm ci)');
      await npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
      if (!isInstalled())
        throw new Error(
          'npm ci ended well, but node_modules does not match package-lock.json: run `npm ci` and see',
        );
    },
    { onWait: (pid) => console.error(`waiting for process ${pid}, which is installing packages`) },
  );
}

/** npm notes in node_modules, as the last step of an installation, what it has put there. */
function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const present = packagesOf('node_modules/.package-lock.json');
  if (wanted === undefined)
    throw new Error(`${join(root, 'package-lock.json')} is missing or broken: restore it`);
  if (present === undefined) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || (present[path] === undefined ? optional === true : present[path].version === version),
  );
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}
