import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';

/** A record as a program sees it, without what Lockstep knows of it. */
export interface FoundValue {
  /** The program's values by field; null where there is no such record, and where it cannot be read. */
  readonly value: Readonly<Record<string, unknown>> | null;
  /** Why what is there is no such entity; null elsewhere. */
  readonly unreadable: string | null;
}

/** As many keys as one statement reads. */
export const keysPerRead = 500;

/** Reads for programs: of most records nobody asks for the version. */
export interface Values {
  /**
   * Values in the order of the keys, as `Store.read` would give them, with no lock. One statement reads those of up to 500 keys,
   * from the entity's tables alone where that is one table.
   */
  values(entity: Entity, keys: readonly Key[]): Promise<FoundValue[]>;
  /**
   * A statement of the service's own, with its driver's placeholders and types, in a session that may only read. Throws as the
   * driver does.
   */
  queryReadOnly(sql: string, parameters: readonly unknown[]): Promise<unknown[]>;
}
