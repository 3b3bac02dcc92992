import { execute } from './execute.mjs';
import { root } from './install.mjs';

/** @type {[title: string, program: string, ...args: string[]][]} */
const checks = [
  // TypeScript 7; the `tsc` of that name belongs to version 6, which the import rule reads with.
  ['types', 'node_modules/typescript-7/bin/tsc', '--noEmit'],
  ['lint and format', 'biome', 'check', '--error-on-warnings', '.'],
  ['import rule', 'depcruise', '--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', '.'],
];

/** Runs every check, also behind one that fails. */
export async function check() {
  let failed = 0;
  for (const [title, program, ...args] of checks) {
    console.log(`check: ${title}`);
    if ((await execute(program, args, { cwd: root })) !== 0) failed += 1;
  }
  return { passed: checks.length - failed, failed };
}
