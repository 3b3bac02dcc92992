import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const readme = join(import.meta.dirname, '../../README.md');

/** The files of README's service: its blocks that begin with `// NAME.ts`. */
export async function readmeFiles(): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(readme, 'utf8');
  const blocks = text.matchAll(/^```ts\n\/\/ (\S+\.ts)\n([\s\S]*?)^```$/gm);
  return Object.fromEntries([...blocks].map(([, name = '', code = '']) => [name, code]));
}

/** A CommonJS module cannot wait at its top level: behind its imports it does so in a function. */
export function inFunction(code: string): string {
  const lines = code.split('\n');
  const last = lines.findLastIndex((line) => line.startsWith('import '));
  const body = lines.slice(last + 1).map((line) => (line === '' ? line : `  ${line}`));
  return [...lines.slice(0, last + 1), '', 'async function main() {', ...body, '}', 'void main();', ''].join(
    '\n',
  );
}
