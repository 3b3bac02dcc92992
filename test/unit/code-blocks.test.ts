import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type CodeBlock, codeBlocks } from '../support/code-blocks.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, '.lockstep/pages');
const compiler = join(root, 'node_modules/typescript-7/bin/tsc');
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const blocks = pages.flatMap(codeBlocks);

test('every block of TypeScript says whether it is a file of its own, so that none escapes the compiler', () => {
  const unmarked = blocks.filter(
    ({ language, marks }) => language === 'ts' && !('file' in marks) && !('check' in marks),
  );
  expect(unmarked.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
});

test('every block of TypeScript compiles, as strictly as a user may want it', () => {
  rmSync(folder, { recursive: true, force: true });
  for (const block of blocks) {
    if (block.language !== 'ts') continue;
    const file = join(folder, pathOf(block));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${block.code}export {};\n`);
  }
  const config = { extends: '../../tsconfig.json', include: ['**/*.ts'], exclude: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = spawnSync(process.execPath, [compiler, '--project', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
});

test('every block of JSON can be read', () => {
  for (const { language, code } of blocks) if (language === 'json') JSON.parse(code);
});

/** The files of a page lie beside each other, so that one may import another. */
function pathOf({ page, line, marks }: CodeBlock): string {
  return join(page, marks.file ?? `line-${line}.ts`);
}
