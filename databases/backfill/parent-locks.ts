import type { ParentCheck } from '../engine/bulk-engine.ts';
import { firstRow, type PagePart } from './bound-page.ts';

/** Locks what rows that are in refer to. False where some of it is not there. */
export async function lockParents(
  part: PagePart,
  positions: readonly number[],
  { columns, own, lockAll }: ParentCheck,
): Promise<boolean> {
  const wanted = new Map<string, readonly string[]>();
  for (const tuple of tuplesOf(part, positions, columns)) wanted.set(textOf(tuple), tuple);
  // What came in with them is seen by nobody who could take it away.
  if (own) for (const tuple of tuplesOf(part, positions, own)) wanted.delete(textOf(tuple));
  return wanted.size === 0 || (await lockAll([...wanted.values()]));
}

/** What the columns hold in rows where none of them is null. */
function* tuplesOf(
  part: PagePart,
  positions: readonly number[],
  names: readonly string[],
): Generator<readonly string[]> {
  const places = names.map((name) => part.table.columns.findIndex((column) => column.name === name));
  for (const position of positions) {
    for (let row = firstRow(part, position); row < firstRow(part, position + 1); row++) {
      const values = part.text.cells(row, places);
      if (hasAll(values)) yield values;
    }
  }
}

function hasAll(values: readonly (string | null)[]): values is readonly string[] {
  return !values.includes(null);
}

function textOf(tuple: readonly string[]): string {
  return tuple.length === 1 ? (tuple[0] ?? '') : JSON.stringify(tuple);
}
