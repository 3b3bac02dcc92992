import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { user } from '../../examples/users/user.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { servers } from '../support/servers.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const example = join(root, 'examples/python');
const environment = join(root, '.lockstep/python');
const python = join(environment, 'bin/python');

/** Why it cannot be run here; null where it can. */
async function installed(): Promise<string | null> {
  const packages = join(example, 'requirements.txt');
  const done = join(environment, 'installed');
  if (existsSync(done) && readFileSync(done, 'utf8') === readFileSync(packages, 'utf8')) return null;
  try {
    await run('python3', ['-m', 'venv', environment]);
    await run(python, ['-m', 'pip', 'install', '-q', '-r', packages]);
    await run('cp', [packages, done]);
    return null;
  } catch (error) {
    return `there is no Python with venv, or its packages cannot be had: ${String(error)}`;
  }
}

let at: RunningMigration;
beforeAll(async () => {
  const tables = (store: string) => [readFileSync(join(root, 'examples/users', `${store}.sql`), 'utf8')];
  at = await runningMigration('dual-write', {
    entities: [user],
    tables: { legacy: tables('legacy'), modern: tables('modern') },
  });
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('a service in Python creates, updates and deletes, sends again and is refused by type', async (context) => {
  const missing = await installed();
  if (missing !== null) context.skip(missing);
  const { address, namespace } = servers().temporal;
  const { stdout } = await run(python, [join(example, 'service.py')], {
    env: {
      ...process.env,
      LOCKSTEP_MIGRATION: at.migration.name,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
    },
  });
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^created \d+$/),
    'sent again True',
    'refused OperationIdTaken',
    'updated True',
    'refused AlreadyExists',
    'refused InvalidEntity',
    'refused InvalidRequest',
    'refused VersionConflict',
    'deleted',
  ]);
});
