import type { StoreName } from '../../model/failure.ts';
import type { Token } from '../../model/token.ts';

export interface PlaceOptions {
  /** What the statement must see: it goes to the primary then, which has every write that was acknowledged. */
  readonly atLeast?: Token;
}

/** Where to read now. It holds for this read: ask again for the next one, which costs no round trip. */
export interface ReadPlace {
  readonly store: StoreName;
  /** What the store speaks, which its SQL depends on. */
  readonly engine: 'mysql' | 'postgresql';
  /**
   * Runs one statement there, on connections of Lockstep's that may only read. Placeholders and types are the driver's own: `?` and
   * those of `mysql2`, `$1` and those of `pg`; times are UTC. Throws what the driver throws.
   */
  query<R = unknown>(sql: string, parameters?: readonly unknown[]): Promise<R[]>;
}
