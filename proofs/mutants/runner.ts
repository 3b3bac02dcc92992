import { createVitest, type TestCase } from 'vitest/node';
import type { TestRun, TestSelection } from './test-run.ts';

/**
 * Runs tests at its parent's word, again and again, in the project that it was started in. One process for all: servers are found and
 * files are compiled once.
 */

/** Generous, on a loaded machine too. */
const testTimeoutMs = 90_000;

/** Of the run that goes on. What vitest hands back at its end has results of earlier runs, where this one was ended before. */
let passed: string[] = [];
let failed = false;

const vitest = await createVitest('test', {
  watch: false,
  reporters: [{ onTestModuleQueued: noteEnd, onTestCaseResult: noteResult }],
  // Without a lock, a test may wait for what never waits; one failure is enough.
  bail: 1,
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
  passed = [];
  failed = false;
  for (const file of changed) vitest.invalidateFile(file);
  vitest.setGlobalTestNamePattern(named ?? '.*');
  const found = await Promise.all(files.map((file) => vitest.globTestSpecifications([file])));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(found.flat());
  const wanted = testModules.filter(({ relativeModuleId }) => files.includes(relativeModuleId));
  return {
    passed,
    failed,
    broken: unhandledErrors.length > 0 || wanted.some((module) => module.errors().length > 0),
  };
}

/** The result of the test that ends a run may be lost with it. */
function noteEnd(): void {
  vitest.onCancel(() => {
    failed = true;
  });
}

function noteResult(test: TestCase): void {
  const { state } = test.result();
  if (state === 'passed') passed.push(test.fullName);
  if (state === 'failed') failed = true;
}
