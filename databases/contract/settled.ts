import { isSameValue } from '../../model/canonical.ts';
import type { StoredRecord } from './write.ts';

/** Whether two stores have the same of a key, so that a difference that was written down is none any more. */
export function isSettled(left: StoredRecord, right: StoredRecord): boolean {
  if (left.unreadable !== null || right.unreadable !== null) return false;
  if (left.lossy !== null || right.lossy !== null) return false;
  if (left.image === null || right.image === null) {
    if (left.image !== right.image) return false;
    // A tombstone has no place where the key has none.
    return left.version === right.version || left.neverThere !== null || right.neverThere !== null;
  }
  return left.version === right.version && isSameValue(left.image, right.image);
}
