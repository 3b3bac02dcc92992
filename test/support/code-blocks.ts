import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A fenced block of a page, such as ```ts file=service.ts */
export interface CodeBlock {
  /** The page's path, from the root of the project. */
  readonly page: string;
  /** Of the block's first line. */
  readonly line: number;
  readonly language: string;
  /** What follows the language: `file=NAME` gives `{ file: 'NAME' }`, a bare word gives an empty text. */
  readonly marks: Readonly<Record<string, string>>;
  readonly code: string;
}

export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; fence: string; info: string; code: string[] } | null = null;
  for (const [index, line] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const fence = /^\s*(`{3,})(.*)$/.exec(line);
    if (open && fence?.[1] === open.fence && fence[2] === '') {
      const [language = '', ...words] = open.info.trim().split(/\s+/);
      const marks = Object.fromEntries(
        words.map((word) => {
          const [name = '', value = ''] = word.split('=');
          return [name, value];
        }),
      );
      blocks.push({ page, line: open.line, language, marks, code: `${open.code.join('\n')}\n` });
      open = null;
    } else if (open) {
      open.code.push(line);
    } else if (fence) {
      open = { line: index + 2, fence: fence[1] ?? '', info: fence[2] ?? '', code: [] };
    }
  }
  return blocks;
}
