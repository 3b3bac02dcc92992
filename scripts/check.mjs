import { execute } from './execute.mjs';
import { root } from './install.mjs';
import { checkLockfile } from './lockfile.mjs';
import { pack } from './pack.mjs';

const TARBALL = 'TARBALL';

/**
 * `TARBALL` stands for the packed package.
 * @type {[title: string, program: string, ...args: string[]][]}
 */
const checks = [
  // TypeScript 7; the `tsc` of that name belongs to version 6, which the import rule reads with.
  ['types', 'node_modules/typescript-7/bin/tsc', '--noEmit'],
  ['lint and format', 'biome', 'check', '--error-on-warnings', '.'],
  ['import rule', 'depcruise', '--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', '.'],
  ['unused files, exports and packages', 'knip', '--no-progress', '--no-config-hints'],
  ['package', 'publint', 'run', '--strict', TARBALL],
  // A service that is CommonJS loads the one build, which is ESM, with `require`.
  ['types of the package', 'attw', '--profile', 'esm-only', '--no-definitely-typed', '--no-summary', TARBALL],
];

/** Runs every check, also behind one that fails. */
export async function check() {
  console.log('check: lockfile and licences');
  let failed = Math.min(checkLockfile(), 1);
  const tarball = await pack().catch((/** @type {Error} */ { message }) => {
    console.error(message);
    return '';
  });
  for (const [title, program, ...args] of checks) {
    console.log(`check: ${title}`);
    const given = args.map((arg) => (arg === TARBALL ? tarball : arg));
    if (given.includes('') || (await execute(program, given, { cwd: root })) !== 0) failed += 1;
  }
  return { passed: checks.length + 1 - failed, failed };
}
