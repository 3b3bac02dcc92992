import type { WriteItem } from '../contract/write.ts';
import type { PlacedRows } from './placed-rows.ts';

/** A record that a write shares with others, as `SharedRecordVersion`, its key as text. */
export interface RoutineShared {
  readonly name: string;
  readonly key: string;
  /** Null stands for the write's own version. */
  readonly version: string | null;
  readonly digest: string;
}

/** One `WriteItem` as an entity's write routine takes it, each engine in a form of its own. Null stands for what is not given. */
export interface RoutineItem extends Pick<WriteItem, 'mode' | 'kind' | 'operationId' | 'version' | 'status'> {
  /** The key's text, which names the record. */
  readonly key: string;
  /** The texts that stand for the parts of the key in SQL. */
  readonly parts: readonly string[];
  readonly expected: string | null;
  readonly readVersion: string | null;
  /** Of the image. */
  readonly digest: string | null;
  /** The image to keep in the journal, as JSON. */
  readonly before: string | null;
  /** In locking order. */
  readonly shared: readonly RoutineShared[];
  /** Null deletes. */
  readonly rows: PlacedRows | null;
}

/** For JSON, short names: a list of them may be long. */
export function sharedByName(shared: readonly RoutineShared[]): object[] {
  return shared.map(({ name, key, version, digest }) => ({
    e: name,
    k: key,
    v: version ?? undefined,
    d: digest,
  }));
}
