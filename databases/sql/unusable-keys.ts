import { isCorruptKey, type Key, keyText } from '../../model/canonical.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { placeTexts } from '../columns/key-text.ts';
import type { StoreContext } from './context.ts';
import { keysetOf } from './keyset.ts';

/** Whether a row has a key that nothing can be done with, or a record has one that is no key of the entity. */
export async function isUnusableKeyThere(
  context: StoreContext,
  bound: BoundEntity,
  key: Key,
): Promise<boolean> {
  const { dialect } = context.engine;
  const { entity, root } = bound;
  if (isCorruptKey(key) || key.length !== root.key.length) {
    const text = isCorruptKey(key) ? (key[1] ?? '') : keyText(key);
    const [record] = await context.query(
      `SELECT 1 AS one FROM ${context.control('records')} WHERE entity = ? AND record_key = ? AND version > 0`,
      [entity.name, text],
    );
    return record !== undefined;
  }
  const keyset = keysetOf(dialect, bound);
  const equal = root.key.map((part) => `t.${dialect.column(part.name)} = ${part.compare('?')}`);
  try {
    const rows = await context.query(
      `SELECT ${keyset.cells} FROM ${dialect.table(root.name)} t WHERE ${equal.join(' AND ')}`,
      placeTexts(bound, key),
    );
    // A collation may give others beside.
    return rows.some((row) => keyText(keyset.keyOf(row)) === keyText(key));
  } catch (error) {
    // What the column cannot even be compared with, it does not hold.
    if (isLockstepError(error, 'StoreRefused')) return false;
    throw error;
  }
}
