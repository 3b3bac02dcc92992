import { type BoundColumn, type BoundTable, changingColumns } from '../columns/bound.ts';
import { quote } from './quote.ts';

/** What an insert does where the row is there: it takes the new values of all columns but those of its identity. */
export function updateOnConflict(table: BoundTable): string {
  const rest = changingColumns(table);
  if (rest.length === 0) return 'DO NOTHING';
  return `DO UPDATE SET ${rest.map((column) => `${quote(column.name)} = excluded.${quote(column.name)}`).join(', ')}`;
}

export function names(columns: readonly BoundColumn[]): string {
  return columns.map((column) => quote(column.name)).join(', ');
}
