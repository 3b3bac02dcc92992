import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, fixture } from '../support/harness.ts';
import { environmentOf } from '../support/process.ts';
import { until } from '../support/until.ts';

const inProject = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let at: Fixture;
beforeAll(async () => {
  at = await fixture();
});
afterAll(() => at?.[Symbol.asyncDispose]());

// As npm does it: in a shell, which alone is ended when npm is stopped.
test.each([
  ['npx lockstep worker', [inProject('cli/main.ts'), 'worker']],
  ['npm run lockstep -- worker', [inProject('scripts/run.mjs'), 'lockstep', 'worker']],
])('%s ends when npm is stopped', async (_, args) => {
  const command = [process.execPath, ...args].map((part) => `'${part}'`).join(' ');
  const shell = spawn('sh', ['-c', `${command}; exit $?`], {
    env: { ...environmentOf(at), npm_lifecycle_event: 'lockstep' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const closed = once(shell.stderr, 'close');
  await until('the worker runs', async () => log.includes('worker running'));
  shell.kill('SIGTERM');
  // The last that has it open is the worker.
  await closed;
  expect(log).toContain('worker stopped');
});

test('who leaves before the end of the output is told nothing', async () => {
  const child = spawn(process.execPath, [inProject('cli/main.ts'), 'plan', '--json'], {
    env: environmentOf(at),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
