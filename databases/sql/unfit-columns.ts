import type { BoundEntity, TextRows } from '../columns/bound.ts';
import { rangeFault } from '../columns/range.ts';
import { cellIn, rowsIn } from '../columns/rows.ts';
import type { StoreFailure } from '../contract/write.ts';

/** The failure of one item, with the columns that have no room for its values: PostgreSQL does not say which they are, and no server why. */
export function withUnfitColumns(failure: StoreFailure, bound: BoundEntity, rows: TextRows): StoreFailure {
  // MySQL calls a moment beyond TIMESTAMP an invalid value.
  if (!['out-of-range', 'too-long', 'invalid-value'].includes(failure.violation ?? '')) return failure;
  const faults = new Set<string>();
  for (const table of bound.tables) {
    for (const row of rowsIn(rows, table.name)) {
      for (const column of table.columns) {
        const text = cellIn(row, column.name);
        const fault = text === null ? null : rangeFault(column, text);
        if (fault) faults.add(`${table.name}.${column.name} ${fault}`);
      }
    }
  }
  if (faults.size === 0) return failure;
  return {
    ...failure,
    message: `${failure.message}: ${[...faults].join(', ')}; correct the value, or widen the column`,
  };
}
