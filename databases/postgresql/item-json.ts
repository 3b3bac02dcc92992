import { rowsByPlace } from '../engine/placed-rows.ts';
import { type RoutineItem, sharedByName } from '../engine/routine-item.ts';

/** An item as the write routine reads it. What is null is left out, which to `json_to_record` is the same. */
export function itemJson(item: RoutineItem): string {
  const parts = item.parts.map((text, index): [string, string] => [`k${index + 1}`, text]);
  return JSON.stringify({
    mode: item.mode,
    kind: item.kind,
    operation: item.operationId ?? undefined,
    key: item.key,
    version: item.version,
    expected: item.expected ?? undefined,
    read_version: item.readVersion ?? undefined,
    status: item.status,
    digest: item.digest ?? undefined,
    before: item.before ?? undefined,
    gone: item.rows === null,
    shared: item.shared.length > 0 ? sharedByName(item.shared) : undefined,
    rows: item.rows ? rowsByPlace(item.rows) : undefined,
    ...Object.fromEntries(parts),
  });
}
