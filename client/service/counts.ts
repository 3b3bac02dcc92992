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

/**
 * What shadow reads found. `unequal` disagreed twice, with nothing on its way; `inFlight` were being written; of `failed`, a store did
 * not answer.
 */
export type ShadowReads = Counts<'equal' | 'unequal' | 'inFlight' | 'failed'>;

/**
 * Reads by the store that they were answered from, and those among them that the primary answered instead of the routed store:
 * `fellBack` because that failed or was late, `lagged` because it has lacked a write of the record for too long, `undecided` because
 * what it has is not decided yet.
 */
export type StoreReads = Counts<'legacy' | 'modern' | 'fellBack' | 'lagged' | 'undecided'>;

/** Questions to the flags, by what came of them. All but `answered` were decided by the shares of the durable state. */
export type FlagAnswers = Counts<'answered' | 'failed' | 'timedOut' | 'invalid'>;
