import { type BoundEntity, changingColumns } from '../columns/bound.ts';
import type { WriteRequest } from '../engine/engine.ts';

/** Where its own statements say whether a key had a row, and nothing is shared. */
export function mayBeAttempted({ root, referenced }: BoundEntity): boolean {
  return root.single && changingColumns(root).length > 0 && referenced.length === 0;
}

/**
 * Whether the write routine is to attempt a write that is a transaction of its own. It is asked here, because each condition in a routine
 * costs a share of a statement.
 */
export function isAttempted(bound: BoundEntity, { item, locks }: WriteRequest): boolean {
  const { mode, kind, version, expected, readVersion, rows } = item;
  if (!mayBeAttempted(bound) || locks !== null || item.shared.length > 0) return false;
  if ((mode !== 'primary' && mode !== 'secondary') || version === '0') return false;
  if (expected !== null && readVersion !== null && expected !== readVersion) return false;
  return rows === null ? kind !== 'update' : (rows[bound.tables.indexOf(bound.root)]?.length ?? 0) > 0;
}
