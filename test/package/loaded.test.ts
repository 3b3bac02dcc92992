import { expect, test } from 'vitest';
import { installed } from '../support/installed.ts';

/** Prints the packages of which a module was loaded, ES or CommonJS, once `entry` was. */
const lister = (entry: string) => `
import { registerHooks } from 'node:module';
const loaded = new Set();
registerHooks({
  load(url, context, next) {
    loaded.add(url);
    return next(url, context);
  },
});
await import('${entry}');
console.log(JSON.stringify([...loaded]));
`;

const ofWorkers = [
  '@temporalio/worker',
  '@temporalio/core-bridge',
  '@temporalio/activity',
  'pino',
  'pino-pretty',
];
const ofCommands = ['commander', 'jiti', 'picocolors'];

test.for([
  { entry: 'lockstep', never: [...ofWorkers, ...ofCommands] },
  { entry: 'lockstep/operator', never: [...ofWorkers, ...ofCommands] },
  // Which loads the rest when it starts one.
  { entry: 'lockstep/worker', never: [...ofWorkers, ...ofCommands] },
])('importing $entry loads nothing that only a worker or a command needs', async ({ entry, never }) => {
  using app = await installed({ type: 'module' });
  app.write({ 'list.mjs': lister(entry) });
  const { code, stdout, stderr } = await app.node('list.mjs');
  expect(code, stderr).toBe(0);
  const urls = JSON.parse(stdout) as string[];
  expect(urls.length).toBeGreaterThan(1);
  const packages = new Set(
    urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(url)?.[1] ?? []),
  );
  expect(never.filter((name) => packages.has(name))).toEqual([]);
  expect(urls.filter((url) => /\/lockstep\/dist\/(cli|activities)\//.test(url))).toEqual([]);
});

test('without the packages of a worker its start names the command that installs them', async () => {
  using app = await installed({ type: 'module' }, ['@temporalio/worker', 'pino']);
  app.write({
    'embedded.mjs': `
import { startWorker } from 'lockstep/worker';
await startWorker({}).catch(({ code, message }) => console.log(code, message));
`,
    'service.mjs': `
import { connect, defineMigration, entity, table } from 'lockstep';
import { z } from 'zod';
const account = entity({
  name: 'account',
  schema: z.object({ id: z.string() }),
  key: 'id',
  legacy: table('accounts'),
  modern: table('accounts'),
});
const migration = defineMigration({ name: 'move', entities: [account], deadline: '2100-01-01T00:00:00Z' });
await connect(migration, { worker: 'embedded' }).catch(({ code, message }) => console.log(code, message));
`,
  });
  for (const program of ['embedded.mjs', 'service.mjs']) {
    expect((await app.node(program)).stdout).toContain(
      'NotPrepared a worker needs @temporalio/worker, which is not installed: run npm install @temporalio/worker@1.24',
    );
  }
  const { code, stderr } = await app.lockstep('worker');
  expect(stderr).toContain('run npm install @temporalio/worker@1.24 pino@10');
  expect(code).toBe(3);
});

test('what Temporal loads by its path is in the package', async () => {
  using app = await installed({ type: 'module' });
  app.write({
    'load.mjs': `
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
const require = createRequire(import.meta.url);
for (const file of globSync('node_modules/lockstep/dist/**/*.js'))
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/new URL\\(\`(.\\/[\\w-]+)\\$\\{extname/g))
    console.log(name, Object.keys(require(join(process.cwd(), dirname(file), name + '.js'))).join());
`,
  });
  const { code, stdout, stderr } = await app.node('load.mjs');
  expect(code, stderr).toBe(0);
  expect(stdout.split('\n').toSorted()).toEqual([
    '',
    './encoded-failures failureConverter',
    './payload-converter payloadConverter',
  ]);
});
