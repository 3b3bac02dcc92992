import { setImmediate } from 'node:timers/promises';
import type { ParentCheck } from '../engine/bulk-engine.ts';
import { firstRow, type PagePart } from './bound-page.ts';

/** So many keys at a time; between them the load goes on that runs meanwhile. */
const keysAtATime = 500;

/** What rows refer to and did not bring along: that is seen by nobody who could take it away. */
export async function parentsOf(
  part: PagePart,
  positions: readonly number[],
  { columns, own }: ParentCheck,
): Promise<(readonly string[])[]> {
  const wanted = new Map<string, readonly string[]>();
  const eachOf = async (names: readonly string[], see: (text: string, tuple: readonly string[]) => void) => {
    for (let at = 0; at < positions.length; at += keysAtATime) {
      for (const tuple of tuplesOf(part, positions.slice(at, at + keysAtATime), names))
        see(textOf(tuple), tuple);
      await setImmediate();
    }
  };
  await eachOf(columns, (text, tuple) => wanted.set(text, tuple));
  if (own) await eachOf(own, (text) => wanted.delete(text));
  return [...wanted.values()];
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
