import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, fixture } from '../support/harness.ts';
import { environmentOf } from '../support/process.ts';

const root = join(import.meta.dirname, '../..');
let at: Fixture;
let folder: string;
beforeAll(async () => {
  at = await fixture();
  // As the image has it: a project that the package is installed in.
  folder = mkdtempSync(join(tmpdir(), 'lockstep-start-'));
  const bin = join(folder, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  const command = `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'cli/main.ts')}" "$@"\n`;
  writeFileSync(join(bin, 'lockstep'), command);
  chmodSync(join(bin, 'lockstep'), 0o755);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await at?.[Symbol.asyncDispose]();
});

const start = (environment: NodeJS.ProcessEnv = {}) =>
  new Promise<{ code: number; stderr: string }>((resolve) => {
    const script = join(root, 'deploy/start.sh');
    const env = { ...environmentOf(at), ...environment };
    const child = execFile('/bin/sh', [script], { cwd: folder, env }, (_, _stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stderr }),
    );
  });

test('what the compose file starts a migration with does it once, is repeated without harm, and tells a failure', async () => {
  const failed = await start({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(failed).toEqual({ code: 1, stderr: expect.stringContaining('127.0.0.1:1') });
  await at.work();
  expect(await start()).toMatchObject({ code: 0 });
  expect(await start()).toMatchObject({ code: 0 });
});
