import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../scripts/lock.mjs';
import { npm } from '../../scripts/npm.mjs';

const folder = join(import.meta.dirname, '../peers');
const lock = 'package-lock.json';
/** A copy of the lock file that was installed. */
const installed = 'node_modules/.installed-lock.json';

/**
 * Installs the peers where they are not what their lock file says: about 250 MB, most of it Restate's server, which is why they are
 * no packages of the project itself. No install script runs.
 */
export async function installPeers(note: (line: string) => void): Promise<void> {
  await withLock(join(import.meta.dirname, '../../.lockstep/peers.lock'), async () => {
    if (textOf(lock) === textOf(installed)) return;
    note(`installing what Lockstep is compared with (npm ci in ${folder}, about 250 MB)`);
    await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
    writeFileSync(join(folder, installed), textOf(lock) ?? '');
  });
}

/** The version of each package that is compared with, by name. */
export function peerVersions(): Readonly<Record<string, string>> {
  const { dependencies } = JSON.parse(textOf('package.json') ?? '{}') as {
    dependencies: Record<string, string>;
  };
  return dependencies;
}

function textOf(file: string): string | null {
  try {
    return readFileSync(join(folder, file), 'utf8');
  } catch {
    return null;
  }
}
