type Verdict = 'equal' | 'unequal' | 'failed';

/** Counts what shadow reads found. A mismatch may be a write between the two reads; a share of them that stays is not. */
export class ShadowReads {
  readonly #counts: Record<Verdict, number> = { equal: 0, unequal: 0, failed: 0 };

  count(verdict: Verdict): void {
    this.#counts[verdict] += 1;
  }

  counts(): Readonly<Record<Verdict, number>> {
    return { ...this.#counts };
  }
}
