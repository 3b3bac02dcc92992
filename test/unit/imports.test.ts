import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const config = join(root, '.dependency-cruiser.mjs');

/** A small project of our folders' names, with one sound import and some that are planted. */
const files: Readonly<Record<string, string>> = {
  'package.json': '{ "type": "module" }',
  'model/key.ts': 'export type Key = string;\n',
  'databases/sql/keys.ts': 'export type Keys = string[];\n',
  'databases/contract/sound.ts': importOf('Key', '../../model/key.ts'),
  'databases/contract/upwards.ts': importOf('Keys', '../sql/keys.ts'),
  'client/engine.ts': importOf('Keys', '../databases/sql/keys.ts'),
  'workers/start.ts': 'export type Start = string;\n',
  'client/early.ts': importOf('Start', '../workers/start.ts'),
  'client/late.ts': `export const load = () => import('../workers/start.ts');\n`,
  'workflows/store.ts': importOf('Keys', '../databases/sql/keys.ts'),
  'activities/write.ts': 'export const write = (): void => undefined;\n',
  'workflows/direct.ts': `import { write } from '../activities/write.ts';\nwrite();\n`,
  'model/left.ts': importOf('Right', './right.ts', 'Left'),
  'model/right.ts': importOf('Left', './left.ts', 'Right'),
};

function importOf(type: string, path: string, own = 'Own'): string {
  return `import type { ${type} } from '${path}';\nexport interface ${own} { of: ${type} }\n`;
}

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

let violations: readonly Violation[];
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-imports-'));
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    violations = JSON.parse(await cruised(folder)).summary.violations;
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);

/** As `npm run check` looks at this one; it ends with an error where it finds something. */
function cruised(folder: string): Promise<string> {
  const args = [program, '--config', config, '--output-type', 'json', '.'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: folder }, (error, stdout) => {
      if (stdout === '') reject(error ?? new Error('the import rule said nothing'));
      else resolve(stdout);
    });
  });
}

const brokenBy = (file: string) => violations.flatMap(({ from, rule }) => (from === file ? [rule.name] : []));

test('an import from a lower room is allowed, and a worker that is loaded where it is asked for', () => {
  expect(brokenBy('databases/contract/sound.ts')).toEqual([]);
  expect(brokenBy('client/late.ts')).toEqual([]);
});

test('a circle of imports is found, though of types alone', () => {
  // It is told once, from where it was entered.
  expect([...brokenBy('model/left.ts'), ...brokenBy('model/right.ts')]).toEqual(['no-cycles']);
});

test.each([
  ['databases/contract/upwards.ts', 'databases-contract-imports'],
  ['client/engine.ts', 'engines-stay-behind-the-contract'],
  ['client/early.ts', 'embedded-worker-is-loaded-late'],
  ['workflows/store.ts', 'workflows-imports'],
  ['workflows/direct.ts', 'workflows-proxy-activities'],
])('an import that %s may not have is found', (file, rule) => {
  expect(brokenBy(file)).toEqual([rule]);
});
