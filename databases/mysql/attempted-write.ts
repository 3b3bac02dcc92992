import { type BoundEntity, changingColumns } from '../columns/bound.ts';
import type { WriteRequest } from '../engine/engine.ts';

/** Where its own statements say whether a key had a row, and nothing is shared. */
export function mayBeAttempted({ root, referenced }: BoundEntity): boolean {
  return root.single && changingColumns(root).length > 0 && referenced.length === 0;
}

/**
 * Tells of a write that is a transaction of its own whether the write routine is to attempt it. It is asked here, because each condition in a
 * routine costs a share of a statement.
 */
export function attempting(bound: BoundEntity): (request: WriteRequest) => boolean {
  if (!mayBeAttempted(bound)) return () => false;
  const root = bound.tables.indexOf(bound.root);
  return ({ item }) => {
    const { mode, kind, version, expected, readVersion, shared, rows } = item;
    if (shared.length > 0) return false;
    if ((mode !== 'primary' && mode !== 'secondary') || version === '0') return false;
    if (expected !== null && readVersion !== null && expected !== readVersion) return false;
    return rows === null ? kind !== 'update' : (rows[root]?.length ?? 0) > 0;
  };
}
