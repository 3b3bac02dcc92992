import { stripVTControlCharacters } from 'node:util';
import { oneLine } from './shown.ts';

interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** A terminal that shows one picture after the other, each over the last: nothing is cleared before the next is there. */
export class Screen {
  readonly #terminal: Terminal;
  #begun = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  draw(lines: readonly string[]): void {
    const { columns = 80, rows = 24 } = this.#terminal;
    const all = fitted(lines.map(oneLine), columns);
    // The last row stays free, so that nothing scrolls.
    const shown =
      all.length < rows ? all : [...all.slice(0, rows - 2), `… ${all.length - rows + 2} lines more`];
    const picture = shown.map((line) => `${line}${reset}${clearToEnd}\n`).join('');
    // What stood there before the first picture goes up, and is not lost.
    const first = this.#begun ? '' : '\n'.repeat(Math.max(0, rows - 1));
    this.#begun = true;
    this.#terminal.write(`${first}${home}${picture}${clearBelow}`);
  }
}

const csi = '\u001b[';
const home = `${csi}H`;
const clearToEnd = `${csi}K`;
const clearBelow = `${csi}J`;
const reset = `${csi}0m`;

/** Lines that are no wider than so many columns. What goes on in the next line stands under the text, and not under its title. */
export function fitted(lines: readonly string[], columns: number): string[] {
  const indent = ' '.repeat(columns >= 60 ? 10 : 2);
  return lines.flatMap((line) => folded(line, columns, indent));
}

function folded(line: string, columns: number, indent: string): string[] {
  if (widthOf(line) <= columns) return [line];
  const rows: string[] = [];
  let row = '';
  // With the spaces before each word, as tables and titles have them.
  for (const word of line.match(/ *[^ ]+/g) ?? []) {
    if (widthOf(row + word) <= columns) {
      row += word;
      continue;
    }
    if (widthOf(row) > 0) rows.push(row);
    row = rows.length === 0 ? word : indent + word.trimStart();
    while (widthOf(row) > columns) {
      const [part, rest] = cut(row, columns);
      rows.push(part);
      row = indent + rest;
    }
  }
  return [...rows, row];
}

/** Escape sequences take no column. */
const sequence = new RegExp(`${csi.replace('[', '\\[')}[0-9;]*m`, 'y');

/** The first so many columns of a text, and what follows. */
function cut(text: string, columns: number): [string, string] {
  let at = 0;
  for (let width = 0; width < columns; ) {
    sequence.lastIndex = at;
    const found = sequence.exec(text);
    if (found) {
      at = sequence.lastIndex;
    } else {
      at += 1;
      width += 1;
    }
  }
  return [text.slice(0, at), text.slice(at)];
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
