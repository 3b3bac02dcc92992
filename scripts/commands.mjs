import { build } from './build.mjs';
import { check } from './check.mjs';
import { execute } from './execute.mjs';
import { test, testUnit } from './test.mjs';

/**
 * What `npm run` offers. A command takes its arguments and resolves to its exit code.
 * @type {Map<string, (args: string[]) => Promise<number>>}
 */
export const commands = new Map([
  ['demo', program('examples/orders/demo.ts')],
  ['proof', program('proofs/run.ts')],
  ['bench', program('bench/run.ts')],
  ['lockstep', program('cli/main.ts')],
  ['build', build],
  ['check', async () => Math.min((await check()).failed, 1)],
  ['test', test],
  ['test:unit', testUnit],
]);

/**
 * @param {string} file
 * @returns {(args: string[]) => Promise<number>}
 */
function program(file) {
  return (args) => execute(file, args);
}
