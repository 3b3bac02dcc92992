import { relative } from 'node:path';
import { createVitest, type TestCase } from 'vitest/node';
import type { RanTest, TestRun, TestSelection } from './test-run.ts';

/**
 * Runs tests at its parent's word, again and again, in the project that it was started in. One process for all: servers are found and
 * files are compiled once.
 */

/** Generous, on a loaded machine too. */
const testTimeoutMs = 90_000;

/** Of the run that goes on. What vitest hands back has results of earlier runs, where this one was ended before. */
let ran: RanTest[] = [];

const vitest = await createVitest('test', {
  watch: false,
  reporters: [{ onTestCaseResult: take }],
  testTimeout: testTimeoutMs,
  hookTimeout: testTimeoutMs,
});

process.on('message', (message: TestSelection & { readonly changed: readonly string[] }) => {
  void run(message).then((found) => process.send?.(found));
});
// With its parent gone nobody wants an answer; the processes in which tests run are of its group.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.send?.('ready');

async function run({
  files,
  named,
  changed,
}: TestSelection & { readonly changed: readonly string[] }): Promise<TestRun> {
  ran = [];
  for (const file of changed) vitest.invalidateFile(file);
  vitest.setGlobalTestNamePattern(named ?? '.*');
  const found = await Promise.all(files.map((file) => vitest.globTestSpecifications([file])));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(found.flat());
  const wanted = testModules.filter(({ relativeModuleId }) => files.includes(relativeModuleId));
  return {
    tests: ran,
    broken: unhandledErrors.length > 0 || wanted.some((module) => module.errors().length > 0),
  };
}

function take(test: TestCase): void {
  const { state } = test.result();
  if (state !== 'passed' && state !== 'failed') return;
  const file = relative(process.cwd(), test.module.moduleId);
  ran.push({ file, name: test.fullName, passed: state === 'passed' });
  // Without a lock, a test may wait for what never waits; one failure is enough. With `bail`, a run may end before its failure is told.
  if (state === 'failed') void vitest.cancelCurrentRun('test-failure');
}
