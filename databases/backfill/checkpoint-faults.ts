import { isCorruptKey, keyFromText } from '../../model/canonical.ts';
import type { LockstepError, StoreName } from '../../model/failure.ts';
import { controlRowFault, invalidControlRow } from '../contract/control-row.ts';
import type { TextCells } from '../engine/session.ts';

/**
 * Why the ranges of an entity, in their order, are no plan of its keys: with one that is missing, or with another bound, keys would never be
 * copied. Null where they are one.
 */
export function planFault(rows: readonly TextCells[]): string | null {
  for (const [index, row] of rows.entries()) {
    const range = `range ${row.range_no}`;
    if (Number(row.range_no) !== index) return `range ${index} is missing`;
    if ([row.lower_key, row.upper_key, row.cursor_key].some((text) => text && !isKey(text)))
      return `${range} has a bound or a cursor that is no key`;
    if (row.done !== '0' && row.done !== '1') return `${range} is neither done nor open`;
    if ([row.copied, row.skipped, row.refused, row.bytes].some((count) => Number(count) < 0))
      return `${range} has counted fewer than none`;
    const before = index === 0 ? null : rows[index - 1]?.upper_key;
    if ((row.lower_key ?? null) !== (before ?? null) || (index > 0 && !before))
      return `${range} does not begin where the one before it ends`;
  }
  const last = rows.at(-1);
  return last?.upper_key ? `the ranges end before the last key` : null;
}

export function isKey(text: string): boolean {
  return !isCorruptKey(keyFromText(text));
}

export function invalidCheckpoint(
  table: 'chunks' | 'waiting',
  entity: string,
  fault: string,
  store: StoreName,
): LockstepError {
  const told = controlRowFault(table, `of the backfill of ${entity}, ${fault}`);
  const remedy = `see who has written the row, and begin this entity anew: lockstep backfill --anew ${entity}; what is copied stays`;
  return invalidControlRow(told, store, remedy);
}
