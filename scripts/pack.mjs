import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root } from './install.mjs';
import { npm } from './npm.mjs';

const folder = join(root, '.lockstep', 'package');

/**
 * Builds the package and packs it, as `npm pack` does.
 * @returns {Promise<string>} the tarball's path
 */
export async function pack() {
  if ((await build()) !== 0) throw new Error('the package does not build: see above');
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  await npm(['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root });
  return join(folder, `${name}-${version}.tgz`);
}
