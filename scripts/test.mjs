import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './check.mjs';
import { execute } from './execute.mjs';
import { root } from './install.mjs';

const report = join(root, '.lockstep', 'tests.json');

/**
 * Checks, then tests. With arguments only those tests: `npm test -- test/workflows/swap.test.ts`.
 * @param {string[]} args
 */
export async function test(args) {
  return await run(args, args.length === 0 ? await check() : { passed: 0, failed: 0 });
}

/**
 * The tests that need no server.
 * @param {string[]} args
 */
export async function testUnit(args) {
  return await run(['--project=unit', ...args], { passed: 0, failed: 0 });
}

/**
 * @param {string[]} args
 * @param {{ passed: number, failed: number }} checks
 */
async function run(args, checks) {
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await execute('vitest', ['run', ...reporters, ...args], { cwd: root });
  const tests = count(code);
  const failed = checks.failed + tests.failed;
  console.log(`tests: ${checks.passed + tests.passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/**
 * A file that could not be loaded counts as one failure, and so does an end that no test explains.
 * @param {number} code
 */
function count(code) {
  const files = filesOf(report);
  let passed = 0;
  let failed = 0;
  for (const { status, assertionResults } of files) {
    const broken = assertionResults.filter((test) => test.status === 'failed').length;
    passed += assertionResults.filter((test) => test.status === 'passed').length;
    failed += status === 'failed' ? Math.max(broken, 1) : broken;
  }
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
}

/**
 * @param {string} file
 * @returns {{ status: string, assertionResults: { status: string }[] }[]}
 */
function filesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults;
  } catch {
    return [];
  }
}
