import type { LegacyConnection } from './connections.ts';
import { readCells, superstoreColumns } from './superstore.ts';

const linesPerInsert = 500;

/** Loads the file into the legacy table. Every cell travels as its text: money never becomes a float. */
export async function load(legacy: LegacyConnection): Promise<number> {
  const cells = readCells();
  // Strict, so that a value that does not fit stops the load instead of being cut.
  await legacy.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
  await legacy.beginTransaction();
  for (let at = 0; at < cells.length; at += linesPerInsert) {
    await legacy.query('INSERT INTO superstore (??) VALUES ?', [
      superstoreColumns,
      cells.slice(at, at + linesPerInsert),
    ]);
  }
  await legacy.commit();
  return cells.length;
}
