/** A key as control tables and as SQL know it. */
export interface PlacedKey {
  readonly text: string;
  readonly parts: readonly string[];
}

/** Every value comes back as text, so that nothing is rounded on the way. */
export type TextCells = Readonly<Record<string, string | null>>;

export type Parameter = string | number | null;

/** One connection, inside a transaction. */
export interface Session {
  /** Placeholders are `?` in both engines. */
  query(sql: string, parameters?: readonly Parameter[]): Promise<TextCells[]>;
}

/** Ends the transaction that it is thrown in: nothing of it is kept, and its connection is sound. */
export class RollBack extends Error {}
