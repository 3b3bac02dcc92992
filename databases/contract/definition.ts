import type { Policy } from '../../model/policy.ts';

/** What a store was prepared for. */
export interface PreparedDefinition {
  /** Grows with every change, from 1; each store counts its own. */
  readonly revision: number;
  /** By name. */
  readonly entities: Readonly<Record<string, PreparedEntity>>;
  /** The tables that the migration owns in this store, with their schema or database. */
  readonly tables: readonly string[];
  readonly policy: Policy;
}

interface PreparedEntity {
  /** Of the definition; the same in both stores. See `definitionDigest`. */
  readonly digest: string;
  /** What every call of the entity's write routine has to name. */
  readonly fingerprint: string;
}

export interface Definitions {
  /** The newest revision; null before the first `prepare`. */
  definition(): Promise<PreparedDefinition | null>;
  /** Throws `DefinitionChanged` where the store is prepared for other entities or definitions; one query where it is not. */
  assertDefinition(): Promise<void>;
  /** Keeps the definition and the policy of this program as the newest revision, where they are not; `prepare` does it too. */
  recordDefinition(): Promise<void>;
  /** Owns no table any more, until `prepare` records a definition again. */
  forgetDefinition(): Promise<void>;
  /**
   * Throws what `prepare` would refuse: `InvalidDefinition` where another migration has one of the tables or names,
   * `GateRefused` where entities come or go in a phase in which they would miss the backfill or its evidence.
   */
  assertDefinable(): Promise<void>;
}
