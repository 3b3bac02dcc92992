import type { ParentCheck } from '../engine/bulk-engine.ts';
import { firstRow, type PagePart } from './bound-page.ts';

/** Locks what rows that are in refer to. False where some of it is not there. */
export async function lockParents(
  part: PagePart,
  positions: readonly number[],
  { columns, own, lockAll }: ParentCheck,
): Promise<boolean> {
  const wanted = tuplesOf(part, positions, columns);
  // What came in with them is seen by nobody who could take it away.
  if (own) for (const text of tuplesOf(part, positions, own).keys()) wanted.delete(text);
  return wanted.size === 0 || (await lockAll([...wanted.values()]));
}

/** What the columns hold where none of them is null, once each. */
function tuplesOf(
  part: PagePart,
  positions: readonly number[],
  names: readonly string[],
): Map<string, readonly string[]> {
  const places = names.map((name) => part.table.columns.findIndex((column) => column.name === name));
  const tuples = new Map<string, readonly string[]>();
  for (const position of positions) {
    for (let row = firstRow(part, position); row < firstRow(part, position + 1); row++) {
      const values = part.text.cells(row, places).filter((value) => value !== null);
      if (values.length === places.length)
        tuples.set(values.length === 1 ? (values[0] ?? '') : JSON.stringify(values), values);
    }
  }
  return tuples;
}
