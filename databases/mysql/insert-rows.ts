import type { BoundTable } from '../columns/bound.ts';
import { quote, quoteTable } from './quote.ts';

/** Well below what servers take in a packet by default; a row that is longer goes alone. */
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
    const last = rows.lastIndexOf('\n', from + statementBytes);
    const to = (last < from ? rows.indexOf('\n', from) : last) + 1;
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

function literalOf(cell: string): string {
  return cell === '\\N' ? 'NULL' : `'${cell.replaceAll("'", "''")}'`;
}
