import { codeBlocks } from '../../test/support/code-blocks.ts';

/** The files of README's service, by name. */
export function readmeFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    codeBlocks('README.md').flatMap(({ marks, code }) => (marks.file ? [[marks.file, code]] : [])),
  );
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
