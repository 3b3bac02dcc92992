import type { Version } from '../../model/version.ts';

/** How far a store has come, and how far it has seen the other come; 0 where nothing is known. */
export interface Marks {
  readonly own: Version;
  readonly seen: Version;
}

/** What the stores know of each other, by which a store that was restored from an older copy is recognised. */
export interface Sightings {
  marks(migration: string): Promise<Marks>;
  /**
   * Raises this store's own mark to `to`, or by one where it is as far already. Null, and nothing is changed, where its own
   * mark is below `atLeast`.
   */
  raiseMark(migration: string, mark: { to: Version; atLeast: Version }): Promise<Version | null>;
  /** Remembers a mark of the other store; what is remembered never goes back. */
  noteMark(migration: string, mark: Version): Promise<void>;
}
