/** Counts since the process began, by name. A service reports them as it reports its own. */
export class Counts<Name extends string> {
  readonly #counts: Record<Name, number>;

  /** @param zero each name with 0 */
  constructor(zero: Readonly<Record<Name, number>>) {
    this.#counts = { ...zero };
  }

  count(name: Name): void {
    this.#counts[name] += 1;
  }

  counts(): Readonly<Record<Name, number>> {
    return { ...this.#counts };
  }
}

/** What shadow reads found. A mismatch may be a write between the two reads; a share of them that stays is not. */
export type ShadowReads = Counts<'equal' | 'unequal' | 'failed'>;

/**
 * Reads by the store that they were answered from. `fellBack` are those among them that the routed store did not answer, or
 * not in time.
 */
export type StoreReads = Counts<'legacy' | 'modern' | 'fellBack'>;

/** Questions to the flags, by what came of them. All but `answered` were decided by the shares of the durable state. */
export type FlagAnswers = Counts<'answered' | 'failed' | 'timedOut' | 'invalid'>;
