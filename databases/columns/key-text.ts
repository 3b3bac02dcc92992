import type { Key } from '../../model/canonical.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { BoundColumn, BoundEntity } from './bound.ts';
import { fromColumn, toColumn } from './column.ts';
import { isFault, keyTextsOrFault } from './key-fault.ts';

/** The texts that stand for a key in SQL. Throws `NotCanonical` where the store can do nothing with it. */
export function keyTexts(bound: BoundEntity, key: Key): readonly string[] {
  const found = keyTextsOrFault(bound, key);
  if (isFault(found)) throw new NotCanonical(found.reason);
  return found;
}

/** As `keyTexts`, for a place among the keys of the store that gave the key: a key that nothing can be done with has one too. */
export function placeTexts(bound: BoundEntity, key: Key): readonly string[] {
  return bound.root.key.map((column, index) => {
    const part = key[index] ?? '';
    try {
      return toColumn(column, column.scalar, part) ?? part;
    } catch (error) {
      if (error instanceof NotCanonical) return part;
      throw error;
    }
  });
}

/**
 * The key of a row. A part that no value of its field is written as stays the text that the column gives: so the row keeps its
 * place, and `keyFault` says why it cannot be used.
 */
export function keyFromCells(bound: BoundEntity, cells: readonly (string | null)[]): Key {
  return bound.root.key.map((column, index) => {
    const cell = cells[index] ?? null;
    try {
      return keyPart(column, cell);
    } catch (error) {
      if (error instanceof NotCanonical) return cell ?? '';
      throw error;
    }
  });
}

/** The canonical value of a part of a key. Throws `NotCanonical` where the row could not be found again by it. */
export function keyPart(column: BoundColumn, cell: string | null): string {
  const value = fromColumn(column, column.scalar, cell);
  if (typeof value !== 'string') throw new NotCanonical('holds null');
  // Where case matters to the column, the lower case of a key would find nothing.
  if (isCasedUuid(column) && cell !== value) throw new NotCanonical('holds a UUID that is not in lower case');
  return value;
}

/** Whether letters that differ in case make two keys of one UUID. */
export function isCasedUuid({ scalar, natural, limits }: BoundColumn): boolean {
  return scalar.kind === 'uuid' && natural?.kind === 'text' && limits.cased === true;
}
