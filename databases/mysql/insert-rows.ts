import type { BoundTable } from '../columns/bound.ts';
import { cellEnd, cellText, isNull } from '../copy-format/copy-text.ts';
import { bytesOfDigits } from '../copy-format/digits.ts';
import { quote, quoteTable } from './quote.ts';

/** Well below what servers take in a packet by default; a row that is longer is huge. */
const statementBytes = 1024 * 1024;
const mark = '\0';

/**
 * Statements that put the rows of a page in, as literals: where the server lets no LOAD DATA in. A page escapes what a literal does, in
 * the same way, all but the quote.
 */
export function* insertStatements(
  { name, columns }: Pick<BoundTable, 'name' | 'columns'>,
  rows: Buffer,
): Generator<string> {
  const names = columns.map((column) => quote(column.name)).join(', ');
  const head = `INSERT INTO ${quoteTable(name)} (${names}) VALUES `;
  const around = columns.map((column) => column.write(mark).split(mark));
  for (let from = 0; from < rows.length; ) {
    const to = rows.lastIndexOf('\n', from + statementBytes) + 1;
    const values = rows
      .toString('utf8', from, to - 1)
      .split('\n')
      .map(
        (row) =>
          `(${row
            .split('\t')
            .map((cell, at) => (around[at] ?? []).join(literalOf(cell)))
            .join(', ')})`,
      );
    yield head + values.join(', ');
    from = to;
  }
}

/** Parts of a page, in its order: rows that are loaded together, or one that goes alone. */
export interface Run {
  readonly rows: Buffer;
  readonly isHuge: boolean;
}

export function* runsOf(rows: Buffer): Generator<Run> {
  let begun = 0;
  for (let from = 0; from < rows.length; ) {
    const to = rows.indexOf('\n', from) + 1;
    if (to - from > statementBytes) {
      if (from > begun) yield { rows: rows.subarray(begun, from), isHuge: false };
      yield { rows: rows.subarray(from, to), isHuge: true };
      begun = to;
    }
    from = to;
  }
  if (begun < rows.length) yield { rows: rows.subarray(begun), isHuge: false };
}

/** A statement that puts one row in, with its values apart. */
export function boundInsert(
  { name, columns }: Pick<BoundTable, 'name' | 'columns'>,
  row: Buffer,
): { sql: string; values: (string | Buffer | null)[] } {
  const values: (string | Buffer | null)[] = [];
  const expressions: string[] = [];
  let from = 0;
  for (const column of columns) {
    const end = cellEnd(row, from, row.length - 1);
    const written = column.write('?');
    const isBytes = written === 'UNHEX(?)' && !isNull(row, from, end);
    const value = isBytes ? bytesOfDigits(row, from, end) : cellText(row, from, end);
    expressions.push(isBytes ? '?' : written);
    values.push(...Array.from(written.matchAll(/\?/g), () => value));
    from = end + 1;
  }
  const names = columns.map((column) => quote(column.name)).join(', ');
  return { sql: `INSERT INTO ${quoteTable(name)} (${names}) VALUES (${expressions.join(', ')})`, values };
}

function literalOf(cell: string): string {
  return cell === '\\N' ? 'NULL' : `'${cell.replaceAll("'", "''")}'`;
}
