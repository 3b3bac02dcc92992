import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

/** What a package may be under that a service installs, or that the project is built with. */
const licences = new Set([
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 AND MIT',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
  'Unlicense',
]);
/** Those that only the project itself is built with, and that no service gets. */
const whileBuilding = new Set(['MPL-2.0', 'CC-BY-4.0']);
/** Packages whose metadata say nothing, by what their repositories say. */
const bySource = new Map([['unionfs', 'Unlicense']]);

/**
 * What is wrong with the lockfile: a package whose content nothing vouches for, or that has another licence than those above.
 *
 * @param {{ packages: Record<string, { link?: boolean, integrity?: string, license?: string, dev?: boolean }> }} lockfile
 */
export function lockfileFaults({ packages }) {
  return Object.entries(packages).flatMap(([path, { link = false, integrity, license, dev = false }]) => {
    const name = path.split('node_modules/').at(-1) ?? '';
    if (path === '' || link) return [];
    const licence = license ?? bySource.get(name);
    const isAllowed = licence !== undefined && (licences.has(licence) || (dev && whileBuilding.has(licence)));
    return [
      ...(integrity
        ? []
        : [`${name} has no integrity; add the digest that its registry has for this version`]),
      ...(isAllowed
        ? []
        : [`${name} is under ${licence ?? 'no licence'}; take another, or allow it with a reason`]),
    ];
  });
}

/** Prints the faults of the project's own lockfile, and gives their count. */
export function checkLockfile() {
  const faults = lockfileFaults(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
  for (const fault of faults) console.error(`package-lock.json: ${fault}`);
  return faults.length;
}
