type ShadowResult = 'equal' | 'unequal' | 'failed';

/** Counts what shadow reads found. A mismatch may be a write between the two reads; a share of them that stays is not. */
export class ShadowReads {
  readonly #counts: Record<ShadowResult, number> = { equal: 0, unequal: 0, failed: 0 };

  count(verdict: ShadowResult): void {
    this.#counts[verdict] += 1;
  }

  counts(): Readonly<Record<ShadowResult, number>> {
    return { ...this.#counts };
  }
}
