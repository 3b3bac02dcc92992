import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root } from './install.mjs';
import { withLock } from './lock.mjs';
import { npm } from './npm.mjs';

const folder = join(root, '.lockstep', 'package');

/**
 * Builds the package and packs it as `npm pack` does, unless that has been done since anything changed.
 * @returns {Promise<string>} the tarball's path
 */
export function pack() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tarball = join(folder, `${manifest.name}-${manifest.version}.tgz`);
  mkdirSync(folder, { recursive: true });
  return withLock(join(folder, 'lock'), async () => {
    if (newest(manifest.files) < changedAt(tarball)) return tarball;
    if ((await build()) !== 0) throw new Error('the package does not build: see above');
    await npm(['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root });
    return tarball;
  });
}

/**
 * When what goes into the package was changed last.
 * @param {string[]} packed
 */
function newest(packed) {
  const sources = packed.filter((path) => path !== 'dist');
  const paths = [
    ...sources,
    'scripts',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ];
  return Math.max(...paths.flatMap(withinPath).map(changedAt));
}

/**
 * The path, and what is in it where it is a folder: its own time tells what was removed.
 * @param {string} path
 */
function withinPath(path) {
  const whole = join(root, path);
  if (!statSync(whole).isDirectory()) return [whole];
  const within = readdirSync(whole, { recursive: true, encoding: 'utf8' });
  return [whole, ...within.map((name) => join(whole, name))];
}

/** @param {string} path */
function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
