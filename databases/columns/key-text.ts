import { type Key, keyText } from '../../model/canonical.ts';
import { keyLimitBytes } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { NotCanonical } from '../../model/scalar.ts';
import type { BoundColumn, BoundEntity } from './bound.ts';
import { invalid } from './checks.ts';
import { fromColumn } from './column.ts';
import { textFor } from './rows.ts';

/** The texts that stand for a key in SQL. Throws `InvalidEntity` where the key is too long to be indexed. */
export function keyTexts(bound: BoundEntity, key: Key): string[] {
  const bytes = Buffer.byteLength(keyText(key));
  if (bytes > keyLimitBytes) {
    throw new LockstepError(
      'InvalidEntity',
      `a key of ${bound.entity.name} has ${bytes} bytes; at most ${keyLimitBytes} can be indexed`,
      {
        entity: bound.entity.name,
        remedy: 'use a shorter key',
      },
    );
  }
  const { entity, root } = bound;
  return root.key.map((column, index) => textFor(entity.name, root.name, column, key[index] ?? null) ?? '');
}

/** The key of a row. Throws `InvalidDefinition` where the row could not be found again by it; the value stays out. */
export function keyFromCells(bound: BoundEntity, cells: readonly (string | null)[]): Key {
  return bound.root.key.map((column, index) => {
    const cell = cells[index] ?? null;
    try {
      return keyPart(column, cell);
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error;
      throw invalid(
        `${bound.entity.name}.${bound.store}`,
        `the key of a row of ${bound.root.name} cannot be used: column ${column.name} ${error.message}; correct the row, or declare the key as what it is`,
      );
    }
  });
}

/** The canonical value of a part of a key. Throws `NotCanonical` where the row could not be found again by it. */
export function keyPart(column: BoundColumn, cell: string | null): string {
  const value = fromColumn(column, column.scalar, cell);
  if (typeof value !== 'string') throw new NotCanonical('holds null');
  // Where case matters to the column, the lower case of a key would find nothing.
  if (
    column.scalar.kind === 'uuid' &&
    column.natural?.kind === 'text' &&
    column.limits.cased &&
    cell !== value
  )
    throw new NotCanonical('holds a UUID that is not in lower case');
  return value;
}
